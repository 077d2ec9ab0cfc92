import { JsonMessageDecoder } from './json-message.ts';
import { durationText } from './duration.ts';
import { objectText } from './object-text.ts';
import type { FieldPlan, FieldTexts, MessagePlan } from './plan.ts';
import { passOver } from './pass-over.ts';
import type { Requirements } from './requirements.ts';
import { finiteText, RequestViolation, violationIn, withThrown } from './violation.ts';
import { type Span, WireReader } from './wire-reader.ts';

/** Levels of nested protobuf messages, as in other runtimes. */
const MAX_MESSAGE_DEPTH = 100;
/**
 * Fields in all: twice of what the API's 100,000 turns take. A field can be as short as two bytes, so that the size of
 * a request alone does not bound what it costs.
 */
const MAX_FIELDS = 1_000_000;

/** Items of one list: as many turns as the API takes, and more tools than any prompt has room for. */
const MAX_ITEMS = 100_000;
const MAX_TOOLS = 10_000;

/** The members of a message while it is read. */
type Texts = (string | undefined)[];

/**
 * Translates one protobuf message to JSON text, deterministically: members stand in the order of the proto file,
 * whatever the order on the wire. Methods throw RequestViolation.
 */
export class JsonDecoder {
  private readonly reader: WireReader;
  private readonly requirements: Requirements;
  private readonly jsonMessages: JsonMessageDecoder;
  private fields = 0;

  /** @param requirements what messages must have, at every depth */
  constructor(wire: Buffer, requirements: Requirements) {
    this.reader = new WireReader(wire);
    this.requirements = requirements;
    this.jsonMessages = new JsonMessageDecoder(this.reader);
  }

  /**
   * The members of the root message.
   *
   * @param texts where they are put, so that those which can be read are there also where it throws
   */
  root(plan: MessagePlan, texts: Texts = []): FieldTexts {
    return this.members(plan, [{ start: 0, end: this.reader.end }], 0, texts);
  }

  /**
   * The members of a message. Its pieces are read one after the other, which is what merging them means:
   * https://protobuf.dev/programming-guides/encoding/#last-one-wins ; those of messages inside it are only found here,
   * and read at the end, so that no byte is read more than once at a level. A field that is wrong is passed over, so that
   * what else is wrong is told with it.
   */
  private members(plan: MessagePlan, pieces: readonly Span[], depth: number, texts: Texts): FieldTexts {
    const { reader } = this;
    let nested: Span[][] | undefined;
    let lists: string[][] | undefined;
    let found: RequestViolation | undefined;
    for (const piece of pieces) {
      reader.pos = piece.start;
      reader.end = piece.end;
      while (reader.pos < reader.end) {
        const start = reader.pos;
        let field: FieldPlan | undefined;
        try {
          field = this.nextField(plan);
          const { index } = field;
          if (field.repeated) this.readItem(field, depth, ((lists ??= [])[index] ??= []));
          else if (field.nested) ((nested ??= [])[index] ??= []).push(reader.span());
          else texts[index] = this.scalar(field);
        } catch (thrown) {
          found = withThrown(found, field === undefined ? thrown : violationIn(field.name, thrown));
          reader.pos = start;
          reader.end = piece.end;
          if (!passOver(reader)) throw found;
        }
      }
    }
    lists?.forEach((items, index) => {
      texts[index] = `[${items.join(',')}]`;
    });
    nested?.forEach((spans, index) => {
      const field = plan.fields[index];
      if (field === undefined) return;
      try {
        texts[index] = this.nested(field, spans, depth);
      } catch (thrown) {
        found = withThrown(found, thrown);
      }
    });
    found = this.requirements.check(plan, texts, found);
    if (found !== undefined) throw withExtra(found, plan, texts);
    return texts;
  }

  private readItem(field: FieldPlan, depth: number, items: string[]): void {
    const { reader } = this;
    const most = field.name === 'tools' ? MAX_TOOLS : MAX_ITEMS;
    if (items.length === most) {
      throw new RequestViolation(`has more than ${most} items; send fewer`, { isFinal: true });
    }
    try {
      if (!field.nested) {
        items.push(this.scalar(field));
        return;
      }
      const { end } = reader;
      const span = reader.span();
      items.push(this.message(field, [span], depth));
      reader.pos = span.end;
      reader.end = end;
    } catch (thrown) {
      // The item keeps its place, so that those behind it have theirs.
      const place = items.push('') - 1;
      throw violationIn(`[${place}]`, thrown);
    }
  }

  private nested(field: FieldPlan, pieces: readonly Span[], depth: number): string {
    try {
      return this.message(field, pieces, depth);
    } catch (thrown) {
      throw violationIn(field.name, thrown);
    }
  }

  private message(field: FieldPlan, pieces: readonly Span[], depth: number): string {
    const plan = field.message;
    if (field.kind === 'duration') return durationText(this.reader, pieces);
    if (plan === undefined) throw new RequestViolation('is of a kind that requests do not have');
    if (depth === MAX_MESSAGE_DEPTH) {
      throw new RequestViolation(`is nested deeper than ${MAX_MESSAGE_DEPTH} messages; send flatter content`);
    }
    if (plan.form === 'json') return this.jsonMessages.read(pieces);
    if (plan.form === 'union') return this.union(plan, pieces, depth + 1);
    const texts = this.members(plan, pieces, depth + 1, []);
    if (plan.form === 'list') return texts[0] ?? '[]';
    return objectText(plan, texts, field.head);
  }

  private union(plan: MessagePlan, pieces: readonly Span[], depth: number): string {
    const { reader } = this;
    const spans: Span[] = [];
    let set: FieldPlan | undefined;
    for (const piece of pieces) {
      reader.pos = piece.start;
      reader.end = piece.end;
      while (reader.pos < reader.end) {
        const field = this.nextField(plan);
        if (set !== undefined && set !== field) {
          throw new RequestViolation(`has both ${set.name} and ${field.name}; set one of them`);
        }
        set = field;
        spans.push(this.reader.span());
      }
    }
    if (set === undefined) {
      const names = plan.fields.map((field) => field.name).join(', ');
      throw new RequestViolation(`says no kind; set one of ${names}`);
    }
    return this.nested(set, spans, depth);
  }

  private scalar(field: FieldPlan): string {
    const { reader } = this;
    switch (field.kind) {
      case 'string':
        return JSON.stringify(reader.string());
      case 'bool':
        return reader.bool() ? 'true' : 'false';
      case 'int32':
        return String(reader.int32());
      case 'int64':
        return String(reader.int64());
      case 'double':
        return finiteText(reader.double());
      case 'enum':
        return enumText(field, reader.int32());
      default:
        throw new RequestViolation('is of a kind that requests do not have');
    }
  }

  /** Reads the next tag, and checks it against the plan. */
  private nextField(plan: MessagePlan): FieldPlan {
    this.fields += 1;
    if (this.fields > MAX_FIELDS) {
      throw new RequestViolation(`is beyond the ${MAX_FIELDS} fields that a request may have; send less at once`, {
        isFinal: true,
      });
    }
    const tag = this.reader.uint32();
    const number = tag >>> 3;
    const field = plan.byNumber[number];
    if (field === undefined) throw unknownField(plan, number);
    if (tag === field.tag) return field;
    throw new RequestViolation(
      `has wire type ${tag & 7} where its type needs ${field.tag & 7}; is the client generated from this proto?`,
    ).under(field.name);
  }
}

/** What is wrong with a message, and with its `extra`, which is looked at only when the message is put together. */
function withExtra(found: RequestViolation, plan: MessagePlan, texts: FieldTexts): RequestViolation {
  try {
    objectText(plan, texts);
    return found;
  } catch (thrown) {
    return withThrown(found, thrown);
  }
}

function unknownField(plan: MessagePlan, number: number): RequestViolation {
  if (number === 0) return new RequestViolation('holds field number 0, which protobuf does not have; is it protobuf?');
  const advice = plan.extra === undefined ? '' : 'put fields of the API that the proto does not know into `extra`, or ';
  return new RequestViolation(
    `holds field number ${number}, which ${plan.name} does not have in this relay's proto; ${advice}update the relay`,
  );
}

function enumText(field: FieldPlan, number: number): string {
  const name = field.enumNames.get(number);
  if (name !== undefined) return JSON.stringify(name);
  const names = [...field.enumNames.values()].join(', ');
  throw new RequestViolation(`is ${number}, which is none of ${names}; set one of them, or update the relay`);
}
