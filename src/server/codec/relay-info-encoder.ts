import type { RelayInfo } from '../relay-info.ts';
import type { FieldPlan, MessagePlan } from './plan.ts';
import { WIRE_VARINT } from './wire-types.ts';
import type { WireWriter } from './wire-writer.ts';

type Write = (out: WireWriter, info: RelayInfo) => void;

const SECONDS_TAG = (1 << 3) | WIRE_VARINT;
const NANOS_TAG = (2 << 3) | WIRE_VARINT;
/** Enum values in RelayInfo are named without the prefix that the style guide of protobuf asks for. */
const STATUS_PREFIX = 'CACHE_STATUS_';

/**
 * Writes `RelayInfo`, which is the relay's own and no JSON of the API, straight from its object: it goes out with every
 * answer. As proto3 has it, what is absent or at its default is left out.
 */
export function relayInfoEncoder(plan: MessagePlan): Write {
  const writes = plan.fields.map(fieldWriter);
  return (out, info) => {
    for (const write of writes) write(out, info);
  };
}

function fieldWriter(field: FieldPlan): Write {
  const { name, tag } = field;
  // The proto may know fields that no RelayInfo of this version has; they read as undefined.
  const read = (info: RelayInfo): unknown => info[name as keyof RelayInfo];
  const numbers = new Map([...field.enumNames].map(([number, value]) => [value, number]));
  return (out, info) => {
    const value = read(info);
    if (typeof value === 'string' && field.kind === 'enum') {
      const number = numbers.get(STATUS_PREFIX + value) ?? 0;
      if (number > 0) varint(out, tag, number);
    } else if (typeof value === 'string') {
      if (value === '') return;
      out.uint32(tag);
      out.string(value);
    } else if (value === true) {
      varint(out, tag, 1);
    } else if (typeof value === 'number' && value !== 0) {
      number(out, field, value);
    }
  };
}

function number(out: WireWriter, { kind, tag }: FieldPlan, value: number): void {
  if (kind === 'duration') {
    out.uint32(tag);
    const start = out.open();
    const seconds = Math.trunc(value / 1000);
    const nanos = Math.floor((value - seconds * 1000) * 1e6);
    if (seconds > 0) varint(out, SECONDS_TAG, seconds);
    if (nanos > 0) varint(out, NANOS_TAG, nanos);
    out.close(start);
  } else if (kind === 'double') {
    out.uint32(tag);
    out.double(value);
  } else {
    varint(out, tag, value);
  }
}

function varint(out: WireWriter, tag: number, value: number): void {
  out.uint32(tag);
  out.int64(value);
}
