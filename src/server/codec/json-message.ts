import { type JsonLimits, JsonSyntaxError, JsonWalker } from '../../completion/json.ts';
import { ValueDecoder } from './value.ts';
import { RequestViolation, violationIn } from './violation.ts';
import type { Span, WireReader } from './wire-reader.ts';
import { WIRE_BYTES } from './wire-types.ts';

/**
 * What hostile documents may cost: nested 10,000 deep or with a million keys they are refused, not walked. Real tool
 * schemas and inputs stay far below. The values of all documents of a request count together.
 */
const LIMITS: JsonLimits = { maxDepth: 256, maxValues: 250_000 };

const TEXT_TAG = (1 << 3) | WIRE_BYTES;
const VALUE_TAG = (2 << 3) | WIRE_BYTES;

/** Reads the messages `claude.relay.v1.Json` of one request: exact text, or a value. */
export class JsonMessageDecoder {
  private readonly reader: WireReader;
  private readonly walker = new JsonWalker(LIMITS);
  private readonly values: ValueDecoder;

  constructor(reader: WireReader) {
    this.reader = reader;
    this.values = new ValueDecoder(reader, LIMITS);
  }

  /** The JSON text of one message, given in pieces. Throws RequestViolation. */
  read(pieces: readonly Span[]): string {
    const { reader } = this;
    let json: string | undefined;
    for (const { start, end } of pieces) {
      reader.pos = start;
      reader.end = end;
      while (reader.pos < reader.end) {
        if (json !== undefined) throw new RequestViolation('is set twice; set text (exact JSON) or value, once');
        json = this.form(reader.uint32());
      }
    }
    if (json === undefined) throw new RequestViolation('is empty; set text (exact JSON) or value');
    return json;
  }

  private form(tag: number): string {
    try {
      if (tag === TEXT_TAG) return this.checked(this.reader.string());
      if (tag === VALUE_TAG) return this.values.read();
    } catch (thrown) {
      throw violationIn(tag === TEXT_TAG ? 'text' : 'value', thrown);
    }
    throw new RequestViolation('is not a claude.relay.v1.Json; is the client generated from this proto?');
  }

  private checked(text: string): string {
    try {
      this.walker.check(text);
      return text;
    } catch (thrown) {
      if (!(thrown instanceof JsonSyntaxError)) throw thrown;
      throw new RequestViolation(`cannot be read as JSON: ${thrown.message}; write it with a JSON library`);
    }
  }
}
