import { typeOf } from '../../completion/events.ts';
import {
  expectEnd,
  JsonSyntaxError,
  JsonWalker,
  skipSpace,
  skipString,
  unquote,
  UPSTREAM_JSON_LIMITS,
} from '../../completion/json.ts';
import type { FieldPlan, MessagePlan } from './plan.ts';
import { writeScalar } from './scalar-to-wire.ts';
import { WIRE_BYTES } from './wire-types.ts';
import type { WireWriter } from './wire-writer.ts';

/** Typed messages nested deeper than this travel as raw JSON: each is two messages of protobuf, whose readers mostly end at 100. */
const MAX_TYPED_DEPTH = 45;
/** `Json.text`, as tag of the wire format. */
const JSON_TEXT_TAG = (1 << 3) | WIRE_BYTES;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const N_OF_NULL = 0x6e;

/**
 * Translates one JSON text to protobuf in one pass over the text, without objects in between. What fits a field goes
 * into it; what does not (an unknown member, an unknown kind, a known member of an unexpected shape) stays raw JSON
 * text in the nearest `extra` or `other`. So every document has a translation, and nothing is lost.
 *
 * Methods return false, and leave nothing written, where the text has not the shape that the plan asks for. They throw
 * JsonSyntaxError where it is not JSON, and UPSTREAM_INVALID_TEXT where a string holds half a surrogate pair.
 */
export class WireEncoder {
  private readonly out: WireWriter;
  private readonly walker = new JsonWalker(UPSTREAM_JSON_LIMITS);
  private readonly text: string;
  /** Where the writer was at the beginning. */
  private readonly written: number;
  private pos: number;

  /** @param text well-formed, see `escapeHalves` */
  constructor(out: WireWriter, text: string) {
    this.out = out;
    this.text = text;
    this.written = out.pos;
    this.pos = skipSpace(text, 0);
  }

  /** Writes the members of the text's object as fields of `plan`. */
  root(plan: MessagePlan): boolean {
    return this.end(this.object(plan, 0));
  }

  /** Writes the text's object as the message `field`. */
  message(field: FieldPlan): boolean {
    return this.end(field.message !== undefined && this.nested(field, field.message, 0));
  }

  /** Writes the whole text as raw JSON. */
  raw(field: FieldPlan): void {
    this.walker.check(this.text);
    this.writeJson(field, this.text.trim());
  }

  private end(fits: boolean): boolean {
    if (fits) expectEnd(this.text, this.pos);
    else this.out.pos = this.written;
    return fits;
  }

  /** Writes the members of the object at hand. */
  private object(plan: MessagePlan, depth: number): boolean {
    const { text } = this;
    if (text.charCodeAt(this.pos) !== OPEN_BRACE || depth > MAX_TYPED_DEPTH) return false;
    let extra = '';
    let missing = plan.requiredScalars;
    let likely = plan.first;
    this.pos = skipSpace(text, this.pos + 1);
    let isMore = text.charCodeAt(this.pos) !== CLOSE_BRACE;
    while (isMore) {
      const start = this.pos;
      const field = this.key(plan, likely);
      const isNull = text.charCodeAt(this.pos) === N_OF_NULL;
      if (field !== undefined && this.field(field, depth)) {
        if (!field.presence && !field.repeated && !isNull) missing -= 1;
        likely = field.next;
      } else {
        this.pos = this.walker.skip(text, this.pos, depth);
        extra += (extra === '' ? '' : ',') + text.slice(start, this.pos);
      }
      this.pos = skipSpace(text, this.pos);
      isMore = text.charCodeAt(this.pos) !== CLOSE_BRACE;
      if (isMore) this.expect(COMMA, this.pos);
    }
    this.pos += 1;
    // Without presence, absent would come out as the default: such an object stays raw.
    if (missing > 0) return false;
    if (extra === '') return true;
    if (plan.extra === undefined) return false;
    this.writeJson(plan.extra, `{${extra}}`);
    return true;
  }

  /** Reads a key and its colon, and looks its field up; `likely` is the one that the API sends next, as a rule. */
  private key(plan: MessagePlan, likely: FieldPlan | undefined): FieldPlan | undefined {
    const { text, pos } = this;
    if (likely !== undefined && text.startsWith(likely.prefix, pos)) {
      this.pos = skipSpace(text, pos + likely.prefix.length);
      return likely;
    }
    if (text.charCodeAt(pos) !== QUOTE) throw new JsonSyntaxError('an object key must be a string', pos);
    const end = skipString(text, pos);
    this.expect(COLON, skipSpace(text, end));
    return plan.memberByName.get(unquote(text.slice(pos, end)));
  }

  /** Writes the value at hand into `field`; null is absent. */
  private field(field: FieldPlan, depth: number): boolean {
    const { text, pos } = this;
    if (text.charCodeAt(pos) === N_OF_NULL) {
      this.pos = this.walker.skip(text, pos);
      return true;
    }
    const written = this.out.pos;
    const fits = field.repeated ? this.list(field, depth) : this.single(field, depth);
    if (!fits) {
      this.out.pos = written;
      this.pos = pos;
    }
    return fits;
  }

  private list(field: FieldPlan, depth: number): boolean {
    const { text } = this;
    const code = text.charCodeAt(this.pos);
    if (code === QUOTE) return this.stringAsBlock(field);
    if (code !== OPEN_BRACKET) return false;
    this.pos = skipSpace(text, this.pos + 1);
    if (text.charCodeAt(this.pos) === CLOSE_BRACKET) {
      this.pos += 1;
      return field.requiredList;
    }
    for (;;) {
      if (!this.single(field, depth)) return false;
      this.pos = skipSpace(text, this.pos);
      if (text.charCodeAt(this.pos) === CLOSE_BRACKET) break;
      this.expect(COMMA, this.pos);
    }
    this.pos += 1;
    return true;
  }

  /** Where a list of blocks may stand, a string is short for one text block. */
  private stringAsBlock(field: FieldPlan): boolean {
    const member = field.message?.byName.get('text');
    const text = member?.message?.byName.get('text');
    if (field.message?.form !== 'union' || member === undefined || text === undefined) return false;
    const block = this.open(field);
    const inner = this.open(member);
    const fits = this.single(text, 0);
    this.out.close(inner);
    this.out.close(block);
    return fits;
  }

  private single(field: FieldPlan, depth: number): boolean {
    if (field.message !== undefined) return this.nested(field, field.message, depth + 1);
    const end = writeScalar(this.out, field, this.text, this.pos);
    if (end < 0) return false;
    this.pos = end;
    return true;
  }

  private nested(field: FieldPlan, plan: MessagePlan, depth: number): boolean {
    if (plan.form === 'json') {
      this.skipInto(field, depth);
      return true;
    }
    const start = this.open(field);
    const fits = this.content(plan, depth);
    this.out.close(start);
    return fits;
  }

  private content(plan: MessagePlan, depth: number): boolean {
    if (plan.form === 'object') return this.object(plan, depth);
    if (plan.form === 'union') return this.union(plan, depth);
    return plan.first !== undefined && this.list(plan.first, depth);
  }

  private union(plan: MessagePlan, depth: number): boolean {
    const start = this.pos;
    const member = this.memberOf(plan);
    if (member?.message !== undefined) {
      const written = this.out.pos;
      if (this.nested(member, member.message, depth)) return true;
      this.out.pos = written;
      this.pos = start;
    }
    if (plan.other === undefined) return false;
    this.skipInto(plan.other, depth);
    return true;
  }

  /** The member of a union that the value at hand belongs to; undefined for `other`. */
  private memberOf(plan: MessagePlan): FieldPlan | undefined {
    const code = this.text.charCodeAt(this.pos);
    if (code === OPEN_BRACKET) return plan.list;
    if (code !== OPEN_BRACE) return undefined;
    const type = typeOf(this.text, this.pos);
    if (type === undefined) return plan.untyped;
    const named = plan.byName.get(type);
    if (named === undefined || named === plan.anyTyped) return plan.anyTyped;
    return named === plan.other || named === plan.list ? undefined : named;
  }

  /** Writes the value at hand as raw JSON. */
  private skipInto(field: FieldPlan, depth: number): void {
    const start = this.pos;
    this.pos = this.walker.skip(this.text, start, depth);
    this.writeJson(field, this.text.slice(start, this.pos));
  }

  private writeJson(field: FieldPlan, json: string): void {
    const start = this.open(field);
    this.out.uint32(JSON_TEXT_TAG);
    this.out.string(json);
    this.out.close(start);
  }

  /** Begins a nested message, for the writer's `close`. */
  private open(field: FieldPlan): number {
    this.out.uint32(field.tag);
    return this.out.open();
  }

  private expect(code: number, at: number): void {
    if (this.text.charCodeAt(at) !== code) {
      throw new JsonSyntaxError(`"${String.fromCharCode(code)}" expected`, at);
    }
    this.pos = skipSpace(this.text, at + 1);
  }
}
