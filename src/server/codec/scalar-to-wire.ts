import { RelayError } from '../../completion/errors.ts';
import { skipString, unquote } from '../../completion/json.ts';
import type { FieldPlan } from './plan.ts';
import type { WireWriter } from './wire-writer.ts';

const INTEGER = /(?:0|-?[1-9][0-9]*)(?![0-9.eE])/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const INT32 = { min: -0x80000000, max: 0x7fffffff };
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
/** What `write…` returns where the text at hand is of another shape, or does not fit. */
const MISFIT = -1;

/**
 * Writes the JSON scalar that starts at `at` into `field`. Returns the offset after it, or -1, and writes nothing, where
 * it does not fit the field. The text must be well-formed.
 *
 * Throws JsonSyntaxError, and UPSTREAM_INVALID_TEXT where a string holds half a surrogate pair.
 */
export function writeScalar(out: WireWriter, field: FieldPlan, text: string, at: number): number {
  switch (field.kind) {
    case 'string':
      return writeString(out, field, text, at);
    case 'bool':
      return writeBool(out, field, text, at);
    case 'int32':
    case 'int64':
      return writeInteger(out, field, text, at);
    case 'double':
      return writeDouble(out, field, text, at);
    case 'tag':
      return text.charAt(at) === '"' ? skipString(text, at) : MISFIT;
    default:
      return MISFIT;
  }
}

function writeString(out: WireWriter, field: FieldPlan, text: string, at: number): number {
  if (text.charAt(at) !== '"') return MISFIT;
  const end = skipString(text, at);
  const value = unquote(text.slice(at, end));
  // In well-formed text only escapes make halves, and they make the value shorter than its literal.
  if (value.length < end - at - 2 && !value.isWellFormed()) {
    throw new RelayError(
      'UPSTREAM_INVALID_TEXT',
      `The upstream answered with half a surrogate pair in "${field.name}", which protobuf strings cannot hold. ` +
        'Ask again; the answer was not altered to make it fit.',
    );
  }
  out.uint32(field.tag);
  out.string(value);
  return end;
}

function writeBool(out: WireWriter, field: FieldPlan, text: string, at: number): number {
  const value = text.startsWith('true', at);
  if (!value && !text.startsWith('false', at)) return MISFIT;
  out.uint32(field.tag);
  out.uint32(value ? 1 : 0);
  return at + (value ? 4 : 5);
}

function writeInteger(out: WireWriter, field: FieldPlan, text: string, at: number): number {
  INTEGER.lastIndex = at;
  if (!INTEGER.test(text)) return MISFIT;
  const end = INTEGER.lastIndex;
  const digits = text.slice(at, end);
  const value = Number(digits);
  if (field.kind === 'int32' && (value < INT32.min || value > INT32.max)) return MISFIT;
  const exact = Number.isSafeInteger(value) ? value : BigInt(digits);
  if (exact < INT64.min || exact > INT64.max) return MISFIT;
  out.uint32(field.tag);
  out.int64(exact);
  return end;
}

function writeDouble(out: WireWriter, field: FieldPlan, text: string, at: number): number {
  NUMBER.lastIndex = at;
  if (!NUMBER.test(text)) return MISFIT;
  const end = NUMBER.lastIndex;
  const value = Number(text.slice(at, end));
  if (!Number.isFinite(value)) return MISFIT;
  out.uint32(field.tag);
  out.double(value);
  return end;
}
