import { RelayError } from '../../completion/errors.ts';
import { typeOf } from '../../completion/events.ts';
import {
  JsonSyntaxError,
  JsonWalker,
  skipSpace,
  skipString,
  unquote,
  UPSTREAM_JSON_LIMITS,
} from '../../completion/json.ts';
import type { FieldPlan, MessagePlan } from './plan.ts';
import { WIRE_BYTES, type WireWriter } from './wire.ts';

const INTEGER = /(?:0|-?[1-9][0-9]*)(?![0-9.eE])/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** Typed messages nested deeper than this travel as raw JSON. */
const MAX_TYPED_DEPTH = 64;
/** `Json.text`, as tag of the wire format. */
const JSON_TEXT_TAG = (1 << 3) | WIRE_BYTES;
const INT32 = { min: -0x80000000, max: 0x7fffffff };
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/**
 * Translates JSON text to protobuf in one pass over the text, without objects in between. What fits a field goes into
 * it; what does not (an unknown member, an unknown kind, a known member of an unexpected shape) stays raw JSON text in
 * the nearest `extra` or `other`. So every document has a translation, and nothing is lost.
 *
 * Methods return false, and leave nothing written, where the text has not the shape that the plan asks for. They throw
 * JsonSyntaxError where it is not JSON, and UPSTREAM_INVALID_TEXT where a string holds half a surrogate pair.
 */
export class WireEncoder {
  private readonly out: WireWriter;
  private readonly walker = new JsonWalker(UPSTREAM_JSON_LIMITS);
  private readonly text: string;
  private pos: number;

  constructor(out: WireWriter, text: string) {
    this.out = out;
    this.text = text;
    this.pos = skipSpace(text, 0);
  }

  /** Writes the members of the object as fields of `plan`; `type` is left out where `tagged` says that it is known. */
  object(plan: MessagePlan, tagged = false, depth = 0): boolean {
    const { text } = this;
    if (text.charCodeAt(this.pos) !== 0x7b || depth > MAX_TYPED_DEPTH) return false;
    let extra = '';
    let missing = plan.requiredScalars;
    this.pos = skipSpace(text, this.pos + 1);
    while (text.charCodeAt(this.pos) !== 0x7d) {
      const start = this.pos;
      if (text.charCodeAt(start) !== 0x22) throw new JsonSyntaxError('an object key must be a string', start);
      const keyEnd = skipString(text, start);
      const key = unquote(text.slice(start, keyEnd));
      this.expect(0x3a, skipSpace(text, keyEnd));
      const field = plan.members.get(key);
      const value = this.pos;
      if (field !== undefined && this.field(field, depth)) {
        if (!field.presence && !field.repeated && text.charCodeAt(value) !== 0x6e) missing -= 1;
      } else {
        this.pos = this.walker.skip(text, value, depth);
        const isTag = tagged && field === undefined && key === 'type';
        if (!isTag) extra += (extra === '' ? '' : ',') + text.slice(start, this.pos);
      }
      this.pos = skipSpace(text, this.pos);
      if (text.charCodeAt(this.pos) === 0x7d) break;
      this.expect(0x2c, this.pos);
    }
    this.pos += 1;
    // Without presence, absent would come out as the default: such an object stays raw.
    if (missing > 0) return false;
    if (extra === '') return true;
    if (plan.extra === undefined) return false;
    this.writeJson(plan.extra, `{${extra}}`);
    return true;
  }

  /** Writes the value into `field`; null is absent. */
  field(field: FieldPlan, depth = 0): boolean {
    const { text, pos } = this;
    if (text.startsWith('null', pos)) {
      this.pos = pos + 4;
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

  /** Writes the whole value as the member `field` of a union, whose `type` the member's name says. */
  member(field: FieldPlan): boolean {
    return this.nested(field, () => this.object(messageOf(field), true));
  }

  /** Writes the whole value as raw JSON. */
  raw(field: FieldPlan): void {
    this.walker.check(this.text);
    this.writeJson(field, this.text.trim());
  }

  private list(field: FieldPlan, depth: number): boolean {
    const { text } = this;
    const code = text.charCodeAt(this.pos);
    if (code === 0x22) return this.stringAsBlock(field);
    if (code !== 0x5b) return false;
    this.pos = skipSpace(text, this.pos + 1);
    if (text.charCodeAt(this.pos) === 0x5d) {
      this.pos += 1;
      return field.requiredList;
    }
    for (;;) {
      if (!this.single(field, depth)) return false;
      this.pos = skipSpace(text, this.pos);
      if (text.charCodeAt(this.pos) === 0x5d) break;
      this.expect(0x2c, this.pos);
    }
    this.pos += 1;
    return true;
  }

  /** Where a list of blocks may stand, a string is short for one text block. */
  private stringAsBlock(field: FieldPlan): boolean {
    const member = field.message?.byName.get('text');
    const text = member?.message?.byName.get('text');
    if (field.message?.form !== 'union' || member === undefined || text === undefined) return false;
    return this.nested(field, () => this.nested(member, () => this.single(text, 0)));
  }

  private single(field: FieldPlan, depth: number): boolean {
    switch (field.kind) {
      case 'string':
        return this.string(field);
      case 'bool':
        return this.bool(field);
      case 'int32':
      case 'int64':
        return this.integer(field);
      case 'double':
        return this.double(field);
      case 'message':
        return this.message(field, messageOf(field), depth + 1);
      default:
        return false;
    }
  }

  private message(field: FieldPlan, plan: MessagePlan, depth: number): boolean {
    if (plan.form === 'json') {
      const start = this.pos;
      this.pos = this.walker.skip(this.text, start, depth);
      this.writeJson(field, this.text.slice(start, this.pos));
      return true;
    }
    if (plan.form === 'union') return this.nested(field, () => this.union(plan, depth));
    return this.nested(field, () => this.object(plan, false, depth));
  }

  private union(plan: MessagePlan, depth: number): boolean {
    const start = this.pos;
    const member = this.memberOf(plan);
    if (member !== undefined) {
      const tagged = member !== plan.untyped && member !== plan.anyTyped;
      const { out } = this;
      const written = out.pos;
      const memberPlan = messageOf(member);
      const fits =
        member === plan.list
          ? this.nested(member, () => this.field(memberPlan.byName.get('items') ?? member, depth))
          : this.nested(member, () => this.object(memberPlan, tagged, depth));
      if (fits) return true;
      out.pos = written;
      this.pos = start;
    }
    if (plan.other === undefined) return false;
    this.pos = this.walker.skip(this.text, start, depth);
    this.writeJson(plan.other, this.text.slice(start, this.pos));
    return true;
  }

  /** The member of a union that the value at hand belongs to; undefined for `other`. */
  private memberOf(plan: MessagePlan): FieldPlan | undefined {
    const code = this.text.charCodeAt(this.pos);
    if (code === 0x5b) return plan.list;
    if (code !== 0x7b) return undefined;
    const type = typeOf(this.text, this.pos);
    if (type === undefined) return plan.untyped;
    const named = plan.byName.get(type);
    if (named === undefined || named === plan.anyTyped) return plan.anyTyped;
    return named === plan.other || named === plan.list ? undefined : named;
  }

  private nested(field: FieldPlan, write: () => boolean): boolean {
    this.out.uint32(field.tag);
    const start = this.out.open();
    const fits = write();
    this.out.close(start);
    return fits;
  }

  private string(field: FieldPlan): boolean {
    if (this.text.charCodeAt(this.pos) !== 0x22) return false;
    const end = skipString(this.text, this.pos);
    const value = unquote(this.text.slice(this.pos, end));
    if (!value.isWellFormed()) {
      throw new RelayError(
        'UPSTREAM_INVALID_TEXT',
        `The upstream answered with half a surrogate pair in "${field.name}", which protobuf strings cannot hold. ` +
          'Ask again; the answer was not altered to make it fit.',
      );
    }
    this.pos = end;
    this.out.uint32(field.tag);
    this.out.string(value);
    return true;
  }

  private bool(field: FieldPlan): boolean {
    const value = this.text.startsWith('true', this.pos);
    if (!value && !this.text.startsWith('false', this.pos)) return false;
    this.pos += value ? 4 : 5;
    this.out.uint32(field.tag);
    this.out.uint32(value ? 1 : 0);
    return true;
  }

  private integer(field: FieldPlan): boolean {
    INTEGER.lastIndex = this.pos;
    if (!INTEGER.test(this.text)) return false;
    const digits = this.text.slice(this.pos, INTEGER.lastIndex);
    const value = Number(digits);
    if (field.kind === 'int32' && (value < INT32.min || value > INT32.max)) return false;
    const exact = Number.isSafeInteger(value) ? value : BigInt(digits);
    if (exact < INT64.min || exact > INT64.max) return false;
    this.pos = INTEGER.lastIndex;
    this.out.uint32(field.tag);
    this.out.int64(exact);
    return true;
  }

  private double(field: FieldPlan): boolean {
    NUMBER.lastIndex = this.pos;
    if (!NUMBER.test(this.text)) return false;
    const value = Number(this.text.slice(this.pos, NUMBER.lastIndex));
    if (!Number.isFinite(value)) return false;
    this.pos = NUMBER.lastIndex;
    this.out.uint32(field.tag);
    this.out.double(value);
    return true;
  }

  private writeJson(field: FieldPlan, json: string): void {
    this.out.uint32(field.tag);
    const start = this.out.open();
    this.out.uint32(JSON_TEXT_TAG);
    this.out.string(json);
    this.out.close(start);
  }

  private expect(code: number, at: number): void {
    if (this.text.charCodeAt(at) !== code) {
      throw new JsonSyntaxError(`"${String.fromCharCode(code)}" expected`, at);
    }
    this.pos = skipSpace(this.text, at + 1);
  }
}

function messageOf(field: FieldPlan): MessagePlan {
  if (field.message === undefined) throw new Error(`${field.name} is not a message field`);
  return field.message;
}
