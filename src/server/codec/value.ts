import type { JsonLimits } from '../../completion/json.ts';
import { finiteText, RequestViolation } from './violation.ts';
import { WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT, WireReader } from './wire.ts';

/**
 * `google.protobuf.Value` to JSON text. Protobuf maps have no order (Go shuffles them on purpose), so keys are written
 * sorted at every depth: equal values give equal bytes.
 */
export class ValueDecoder {
  private readonly limits: JsonLimits;
  private values = 0;

  constructor(limits: JsonLimits) {
    this.limits = limits;
  }

  /** Reads a Value that fills the reader. Throws RequestViolation and WireError. */
  read(reader: WireReader, depth = 1): string {
    this.values += 1;
    if (this.values > this.limits.maxValues)
      throw new RequestViolation(`has more than ${this.limits.maxValues} values`);
    if (depth > this.limits.maxDepth) throw new RequestViolation(`is nested deeper than ${this.limits.maxDepth}`);
    let text: string | undefined;
    while (reader.pos < reader.end) text = this.readKind(reader, depth);
    if (text === undefined) throw new RequestViolation('has a Value of no kind');
    return text;
  }

  private readKind(reader: WireReader, depth: number): string {
    const tag = reader.uint32();
    switch (tag) {
      case (1 << 3) | WIRE_VARINT:
        reader.int64();
        return 'null';
      case (2 << 3) | WIRE_FIXED64:
        return finiteText(reader.double());
      case (3 << 3) | WIRE_BYTES:
        return JSON.stringify(reader.string());
      case (4 << 3) | WIRE_VARINT:
        return reader.int64() === 0n ? 'false' : 'true';
      case (5 << 3) | WIRE_BYTES:
        return this.struct(nested(reader), depth);
      case (6 << 3) | WIRE_BYTES:
        return this.list(nested(reader), depth);
      default:
        throw new RequestViolation('is not a google.protobuf.Value');
    }
  }

  private struct(reader: WireReader, depth: number): string {
    const entries = new Map<string, string>();
    while (reader.pos < reader.end) {
      expectTag(reader, 1);
      const [key, value] = this.entry(nested(reader), depth);
      entries.set(key, value);
    }
    const keys = [...entries.keys()].sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${entries.get(key) ?? 'null'}`).join(',')}}`;
  }

  private entry(reader: WireReader, depth: number): [key: string, value: string] {
    let key = '';
    let value: string | undefined;
    while (reader.pos < reader.end) {
      const tag = reader.uint32();
      if (tag === ((1 << 3) | WIRE_BYTES)) key = reader.string();
      else if (tag === ((2 << 3) | WIRE_BYTES)) value = this.read(nested(reader), depth + 1);
      else throw new RequestViolation('is not a google.protobuf.Struct');
    }
    if (value === undefined) throw new RequestViolation('has a key without a value');
    return [key, value];
  }

  private list(reader: WireReader, depth: number): string {
    const items: string[] = [];
    while (reader.pos < reader.end) {
      expectTag(reader, 1);
      items.push(this.read(nested(reader), depth + 1));
    }
    return `[${items.join(',')}]`;
  }
}

function nested(reader: WireReader): WireReader {
  const start = reader.delimited();
  return new WireReader(reader.bytes, start, reader.pos);
}

function expectTag(reader: WireReader, number: number): void {
  if (reader.uint32() !== ((number << 3) | WIRE_BYTES)) throw new RequestViolation('is not a google.protobuf.Value');
}
