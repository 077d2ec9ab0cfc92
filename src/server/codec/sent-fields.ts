import type { FieldPlan, MessagePlan } from './plan.ts';
import { RequestViolation } from './violation.ts';
import { WireReader } from './wire-reader.ts';
import { WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT } from './wire-types.ts';

/** As many turns as the API takes, and as many fields again. */
const MOST_FIELDS = 200_000;

/**
 * Which fields of a message are somewhere in its bytes, whatever they hold; undefined where the bytes are no protobuf, or
 * hold more fields than are worth a look. For requests that cannot be decoded, so that what they lack is told all the same.
 */
export function sentFields(plan: MessagePlan, wire: Buffer): ReadonlySet<FieldPlan> | undefined {
  const reader = new WireReader(wire);
  const sent = new Set<FieldPlan>();
  try {
    for (let count = 0; reader.pos < reader.end; count++) {
      const tag = reader.uint32();
      if (count === MOST_FIELDS || tag >>> 3 === 0 || !passOver(reader, tag & 7)) return undefined;
      const field = plan.byNumber[tag >>> 3];
      if (field !== undefined) sent.add(field);
    }
    return sent;
  } catch (thrown) {
    if (thrown instanceof RequestViolation) return undefined;
    throw thrown;
  }
}

/** Returns whether it knows the wire type. */
function passOver(reader: WireReader, wireType: number): boolean {
  switch (wireType) {
    case WIRE_VARINT:
      reader.int64();
      return true;
    case WIRE_FIXED64:
      reader.double();
      return true;
    case WIRE_BYTES:
      reader.span();
      return true;
    default:
      return false;
  }
}
