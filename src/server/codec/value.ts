import type { JsonLimits } from '../../completion/json.ts';
import { finiteText, RequestViolation } from './violation.ts';
import type { WireReader } from './wire-reader.ts';
import { WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT } from './wire-types.ts';

/**
 * `google.protobuf.Value` to JSON text. Protobuf maps have no order (Go shuffles them on purpose), so keys are written
 * sorted at every depth: equal values give equal bytes.
 */
export class ValueDecoder {
  private readonly reader: WireReader;
  private readonly limits: JsonLimits;
  private values = 0;

  constructor(reader: WireReader, limits: JsonLimits) {
    this.reader = reader;
    this.limits = limits;
  }

  /** Reads the length-delimited Value at hand. Throws RequestViolation. */
  read(depth = 1): string {
    const { maxValues, maxDepth } = this.limits;
    this.values += 1;
    if (this.values > maxValues) throw new RequestViolation(`has more than ${maxValues} values; send less at once`);
    if (depth > maxDepth) throw new RequestViolation(`is nested deeper than ${maxDepth} levels; send flatter JSON`);
    const { reader } = this;
    const outer = reader.enter();
    if (reader.pos === reader.end) throw new RequestViolation('has a Value of no kind; set null_value for null');
    const text = this.kind(depth);
    if (reader.pos < reader.end) throw new RequestViolation('has a Value of two kinds; set one');
    reader.leave(outer);
    return text;
  }

  private kind(depth: number): string {
    const { reader } = this;
    switch (reader.uint32()) {
      case (1 << 3) | WIRE_VARINT:
        reader.int64();
        return 'null';
      case (2 << 3) | WIRE_FIXED64:
        return finiteText(reader.double());
      case (3 << 3) | WIRE_BYTES:
        return JSON.stringify(reader.string());
      case (4 << 3) | WIRE_VARINT:
        return reader.bool() ? 'true' : 'false';
      case (5 << 3) | WIRE_BYTES:
        return this.struct(depth);
      case (6 << 3) | WIRE_BYTES:
        return this.list(depth);
      default:
        throw notAValue();
    }
  }

  private struct(depth: number): string {
    const { reader } = this;
    const entries = new Map<string, string>();
    const outer = reader.enter();
    while (reader.pos < reader.end) {
      this.expectTag(1);
      const [key, value] = this.entry(depth);
      entries.set(key, value);
    }
    reader.leave(outer);
    const sorted = [...entries.keys()].sort();
    return `{${sorted.map((key) => `${JSON.stringify(key)}:${entries.get(key) ?? 'null'}`).join(',')}}`;
  }

  private entry(depth: number): [key: string, value: string] {
    const { reader } = this;
    let key: string | undefined;
    let value: string | undefined;
    const outer = reader.enter();
    while (reader.pos < reader.end) {
      const tag = reader.uint32();
      if (tag === ((1 << 3) | WIRE_BYTES) && key === undefined) key = reader.string();
      else if (tag === ((2 << 3) | WIRE_BYTES) && value === undefined) value = this.read(depth + 1);
      else throw notAValue();
    }
    reader.leave(outer);
    if (value === undefined) throw new RequestViolation('has a key without a value; set null_value for null');
    return [key ?? '', value];
  }

  private list(depth: number): string {
    const { reader } = this;
    const items: string[] = [];
    const outer = reader.enter();
    while (reader.pos < reader.end) {
      this.expectTag(1);
      items.push(this.read(depth + 1));
    }
    reader.leave(outer);
    return `[${items.join(',')}]`;
  }

  private expectTag(number: number): void {
    if (this.reader.uint32() !== ((number << 3) | WIRE_BYTES)) throw notAValue();
  }
}

function notAValue(): RequestViolation {
  return new RequestViolation('is not a google.protobuf.Value; is the client generated from this proto?');
}
