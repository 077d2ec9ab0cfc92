import { entries, JsonSyntaxError, JsonWalker, type JsonLimits, members } from '../../completion/json.ts';
import type { FieldPlan, MessagePlan } from './plan.ts';
import { ValueDecoder } from './value.ts';
import { finiteText, RequestViolation } from './violation.ts';
import { WIRE_BYTES, WireError, WireReader } from './wire.ts';

/**
 * What hostile documents may cost: nested 10,000 deep or with a million keys they are refused, not walked. Real tool
 * schemas and inputs stay far below.
 */
const REQUEST_JSON_LIMITS: JsonLimits = { maxDepth: 256, maxValues: 250_000 };
/** Levels of nested protobuf messages, as in other runtimes. */
const MAX_MESSAGE_DEPTH = 100;

/** The members of one message, as JSON text by field index; undefined where the field was not sent. */
export type FieldTexts = readonly (string | undefined)[];

/**
 * Translates protobuf messages to JSON text, deterministically: members stand in the order of the proto file, whatever
 * the order on the wire. One decoder for one request: it counts what the request's documents cost.
 */
export class JsonDecoder {
  private readonly walker = new JsonWalker(REQUEST_JSON_LIMITS);
  private readonly values = new ValueDecoder(REQUEST_JSON_LIMITS);

  /** The members of a root message. Throws RequestViolation. */
  fields(plan: MessagePlan, bytes: Buffer): FieldTexts {
    return this.readFields(plan, new WireReader(bytes), 0);
  }

  /** Puts the members of an object together. Throws RequestViolation where `extra` repeats what a field says. */
  objectText(plan: MessagePlan, texts: FieldTexts): string {
    const extra = plan.extra === undefined ? undefined : texts[plan.extra.index];
    const extraKeys = extra === undefined ? undefined : checkExtra(plan, extra, texts);
    let json = '{';
    for (const field of plan.fields) {
      if (field === plan.extra) continue;
      const text = texts[field.index] ?? (extraKeys?.has(field.name) === true ? undefined : absentText(field));
      if (text !== undefined) json += (json.length > 1 ? ',' : '') + field.prefix + text;
    }
    const inner = extra?.trim().slice(1, -1).trim() ?? '';
    if (inner !== '') json += (json.length > 1 ? ',' : '') + inner;
    return `${json}}`;
  }

  private message(plan: MessagePlan, reader: WireReader, depth: number): string {
    if (depth > MAX_MESSAGE_DEPTH) throw new RequestViolation(`is nested deeper than ${MAX_MESSAGE_DEPTH} messages`);
    if (plan.form === 'json') return this.json(reader);
    const texts = this.readFields(plan, reader, depth);
    return plan.form === 'union' ? unionText(plan, texts) : this.objectText(plan, texts);
  }

  private readFields(plan: MessagePlan, reader: WireReader, depth: number): FieldTexts {
    const start = reader.pos;
    const texts: (string | undefined)[] = [];
    let lists: string[][] | undefined;
    while (reader.pos < reader.end) {
      const field = nextField(plan, reader);
      try {
        if (field.repeated) {
          lists ??= [];
          this.readItem(field, reader, depth, (lists[field.index] ??= []));
        } else if (texts[field.index] !== undefined && field.tag % 8 === WIRE_BYTES && field.kind !== 'string') {
          // Pieces of one message are merged, which is to read them as one. https://protobuf.dev/programming-guides/encoding/#last-one-wins
          reader.delimited();
          const whole = gather(field, new WireReader(reader.bytes, start, reader.end));
          texts[field.index] = this.nested(field, new WireReader(whole), depth);
        } else {
          texts[field.index] = this.value(field, reader, depth);
        }
      } catch (thrown) {
        throw asViolation(thrown).under(field.name);
      }
    }
    lists?.forEach((items, index) => {
      texts[index] = `[${items.join(',')}]`;
    });
    return texts;
  }

  private readItem(field: FieldPlan, reader: WireReader, depth: number, items: string[]): void {
    try {
      items.push(this.value(field, reader, depth));
    } catch (thrown) {
      throw asViolation(thrown).under(`[${items.length}]`);
    }
  }

  private value(field: FieldPlan, reader: WireReader, depth: number): string {
    switch (field.kind) {
      case 'string':
        return JSON.stringify(reader.string());
      case 'bool':
        return reader.int64() === 0n ? 'false' : 'true';
      case 'int32':
        return String(BigInt.asIntN(32, reader.int64()));
      case 'uint32':
        return String(BigInt.asUintN(32, reader.int64()));
      case 'int64':
        return String(reader.int64());
      case 'enum':
        return enumText(field, Number(BigInt.asIntN(32, reader.int64())));
      case 'double':
        return finiteText(reader.double());
      default: {
        const start = reader.delimited();
        return this.nested(field, new WireReader(reader.bytes, start, reader.pos), depth);
      }
    }
  }

  private nested(field: FieldPlan, reader: WireReader, depth: number): string {
    if (field.kind === 'value') return this.values.read(reader);
    if (field.kind === 'duration') return durationMs(reader);
    if (field.message === undefined) throw new RequestViolation('is of a kind that requests do not have');
    return this.message(field.message, reader, depth + 1);
  }

  /** `Json`: exact text, or a value. */
  private json(reader: WireReader): string {
    let json: string | undefined;
    while (reader.pos < reader.end) {
      if (json !== undefined) throw new RequestViolation('is set twice; set text (exact JSON) or value, once');
      const tag = reader.uint32();
      if (tag === ((1 << 3) | WIRE_BYTES)) {
        json = this.checked(reader.string());
      } else if (tag === ((2 << 3) | WIRE_BYTES)) {
        const start = reader.delimited();
        json = this.values.read(new WireReader(reader.bytes, start, reader.pos));
      } else {
        throw new RequestViolation('is not a claude.relay.v1.Json');
      }
    }
    if (json === undefined) throw new RequestViolation('is empty; set text (exact JSON) or value');
    return json;
  }

  private checked(text: string): string {
    try {
      this.walker.check(text);
      return text;
    } catch (thrown) {
      if (thrown instanceof JsonSyntaxError) throw new RequestViolation(`is not JSON: ${thrown.message}`).under('text');
      throw thrown;
    }
  }
}

/** Reads the next tag, and checks it against the plan. */
function nextField(plan: MessagePlan, reader: WireReader): FieldPlan {
  const tag = readTag(reader);
  const field = plan.byNumber.get(tag >>> 3);
  if (field === undefined) {
    throw new RequestViolation(
      `holds field number ${tag >>> 3}, which ${plan.name} does not have in this relay's proto; ` +
        'put fields of the API that the proto does not know into `extra`, or update the relay',
    );
  }
  if (tag !== field.tag) {
    throw new RequestViolation(
      `has wire type ${tag & 7} where its type needs ${field.tag & 7}; is the client generated from this proto?`,
    ).under(field.name);
  }
  return field;
}

function readTag(reader: WireReader): number {
  try {
    return reader.uint32();
  } catch (thrown) {
    throw asViolation(thrown);
  }
}

/** The bytes of all pieces of one singular message. */
function gather(field: FieldPlan, reader: WireReader): Buffer {
  const pieces: Buffer[] = [];
  while (reader.pos < reader.end) {
    const tag = reader.uint32();
    if (tag === field.tag) {
      const start = reader.delimited();
      pieces.push(reader.bytes.subarray(start, reader.pos));
    } else {
      reader.skip(tag & 7);
    }
  }
  return Buffer.concat(pieces);
}

function unionText(plan: MessagePlan, texts: FieldTexts): string {
  let set: FieldPlan | undefined;
  for (const field of plan.fields) {
    if (texts[field.index] === undefined) continue;
    if (set !== undefined) throw new RequestViolation(`has both ${set.name} and ${field.name}; set one of them`);
    set = field;
  }
  if (set === undefined) {
    const names = plan.fields.map((member) => member.name).join(', ');
    throw new RequestViolation(`says no kind; set one of ${names}`);
  }
  const text = texts[set.index] ?? '';
  if (set === plan.list) return members(text).get('items') ?? '[]';
  if (set === plan.other || set === plan.untyped || set === plan.anyTyped) return text;
  return `{"type":${JSON.stringify(set.name)}${text === '{}' ? '' : ','}${text.slice(1)}`;
}

/** What a field that was not sent is in JSON: nothing where its presence counts, else its default. */
function absentText(field: FieldPlan): string | undefined {
  if (field.requiredList) return '[]';
  if (field.presence || field.repeated || field.kind === 'enum') return undefined;
  return field.kind === 'string' ? '""' : field.kind === 'bool' ? 'false' : '0';
}

/** The keys of `extra`, none of which may say again what a field says. */
function checkExtra(plan: MessagePlan, extra: string, texts: FieldTexts): ReadonlySet<string> {
  if (!extra.trimStart().startsWith('{')) throw new RequestViolation('must be a JSON object').under('extra');
  const keys = new Set<string>();
  for (const [key] of entries(extra)) {
    const field = plan.members.get(key);
    const isSet = field !== undefined && texts[field.index] !== undefined;
    if (isSet || keys.has(key)) {
      throw new RequestViolation(
        `says ${JSON.stringify(key)}, which is said already; one key twice would let two readers see two requests`,
      ).under('extra');
    }
    keys.add(key);
  }
  return keys;
}

function enumText(field: FieldPlan, number: number): string {
  const name = field.enumNames.get(number);
  if (name === undefined) throw new RequestViolation(`has no value ${number}`);
  return JSON.stringify(name);
}

function asViolation(thrown: unknown): RequestViolation {
  if (thrown instanceof RequestViolation) return thrown;
  if (thrown instanceof WireError) return new RequestViolation(thrown.message);
  throw thrown;
}

/** `google.protobuf.Duration` as milliseconds. */
function durationMs(reader: WireReader): string {
  let milliseconds = 0;
  while (reader.pos < reader.end) {
    const tag = reader.uint32();
    if (tag === 1 << 3) milliseconds += Number(reader.int64()) * 1e3;
    else if (tag === 2 << 3) milliseconds += Number(reader.int64()) / 1e6;
    else throw new RequestViolation('is not a google.protobuf.Duration');
  }
  return finiteText(milliseconds);
}
