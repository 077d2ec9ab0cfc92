/**
 * Work on JSON as text. `JSON.parse` and back is not lossless: numbers lose their spelling and integers beyond 2^53
 * their value, integer-like keys lose their place. Yet a tool's input, a schema and every field that this relay does
 * not know must pass through byte for byte (the upstream prompt cache hits on identical bytes only). So documents stay
 * text, and what must change is spliced.
 */

/** Text that is not JSON (RFC 8259), or beyond the limits; `offset` is in UTF-16 units. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super(`${problem} at offset ${offset}`);
    this.offset = offset;
  }
}

/** How much of a document is looked at before it is refused; a bound on time and stack for hostile ones. */
export interface JsonLimits {
  /** Levels of nesting. */
  readonly maxDepth: number;
  /** Values in all, at every level. */
  readonly maxValues: number;
}

/** For documents of the upstream: far beyond any real one, and safe for the stack. */
export const UPSTREAM_JSON_LIMITS: JsonLimits = { maxDepth: 1000, maxValues: 10_000_000 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const HEX = /[0-9a-fA-F]{4}/y;

/** The offset of the first character at or after `at` that is not JSON white space. */
export function skipSpace(text: string, at: number): number {
  let pos = at;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return pos;
    pos += 1;
  }
}

/** Strings longer than this the engine's own parser checks faster than a loop here, though it makes a copy. */
const LONG_STRING = 64;

/** The offset after the string literal that starts at `at`. Throws JsonSyntaxError. */
export function skipString(text: string, at: number): number {
  let pos = at + 1;
  let isShort = true;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code === QUOTE) return pos + 1;
    if (isShort && pos - at > LONG_STRING) {
      const end = skipLongString(text, at);
      if (end !== undefined) return end;
      isShort = false;
    }
    if (code === BACKSLASH) {
      pos = skipEscape(text, pos);
    } else if (code >= 0x20) {
      pos += 1;
    } else {
      throw new JsonSyntaxError(pos >= text.length ? 'string without end' : 'control character in a string', pos);
    }
  }
}

/** As `skipString`; undefined where the text is no string literal. */
function skipLongString(text: string, at: number): number | undefined {
  let end = at;
  do end = text.indexOf('"', end + 1);
  while (end >= 0 && isEscaped(text, end));
  if (end < 0) return undefined;
  try {
    JSON.parse(text.slice(at, end + 1));
    return end + 1;
  } catch {
    // Where exactly it goes wrong the loop tells.
    return undefined;
  }
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}

/** The offset after the escape whose backslash stands at `at`. */
function skipEscape(text: string, at: number): number {
  switch (text.charAt(at + 1)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return at + 2;
    case 'u':
      HEX.lastIndex = at + 2;
      if (HEX.test(text)) return at + 6;
      break;
    default:
  }
  throw new JsonSyntaxError('bad escape in a string', at);
}

function skipLiteral(text: string, at: number, literal: string): number {
  if (!text.startsWith(literal, at)) throw new JsonSyntaxError('not a JSON value', at);
  return at + literal.length;
}

function skipNumber(text: string, at: number): number {
  NUMBER.lastIndex = at;
  if (!NUMBER.test(text)) {
    throw new JsonSyntaxError(at >= text.length ? 'the text ends where a value should stand' : 'not a JSON value', at);
  }
  return NUMBER.lastIndex;
}

/** Throws JsonSyntaxError where more than white space follows at `at`. */
export function expectEnd(text: string, at: number): void {
  const end = skipSpace(text, at);
  if (end < text.length) throw new JsonSyntaxError('more text after the JSON value', end);
}

/** Walks over JSON text and checks it, counting against the limits. One walker may walk several values. */
export class JsonWalker {
  private readonly limits: JsonLimits;
  private values = 0;

  constructor(limits: JsonLimits) {
    this.limits = limits;
  }

  /** The offset after the value that starts at `at`. Throws JsonSyntaxError. */
  skip(text: string, at: number, depth = 0): number {
    this.values += 1;
    if (this.values > this.limits.maxValues) throw new JsonSyntaxError(`more than ${this.limits.maxValues} values`, at);
    switch (text.charCodeAt(at)) {
      case QUOTE:
        return skipString(text, at);
      case OPEN_BRACE:
        return this.skipObject(text, at, depth);
      case OPEN_BRACKET:
        return this.skipArray(text, at, depth);
      case 0x74:
        return skipLiteral(text, at, 'true');
      case 0x66:
        return skipLiteral(text, at, 'false');
      case 0x6e:
        return skipLiteral(text, at, 'null');
      default:
        return skipNumber(text, at);
    }
  }

  /** Checks that `text` is one JSON document and nothing else, white space apart. Throws JsonSyntaxError. */
  check(text: string): void {
    expectEnd(text, this.skip(text, skipSpace(text, 0)));
  }

  /** As `skip`, of an object; `member` is told where each key and value lies. */
  skipObject(text: string, at: number, depth = 0, member?: Visitor): number {
    this.enter(depth, at);
    let pos = skipSpace(text, at + 1);
    if (text.charCodeAt(pos) === CLOSE_BRACE) return pos + 1;
    for (;;) {
      const key = pos;
      if (text.charCodeAt(key) !== QUOTE) throw new JsonSyntaxError('an object key must be a string', key);
      const keyEnd = skipString(text, key);
      pos = skipSpace(text, keyEnd);
      if (text.charCodeAt(pos) !== COLON) throw new JsonSyntaxError('":" expected after an object key', pos);
      const value = skipSpace(text, pos + 1);
      const end = this.skip(text, value, depth + 1);
      member?.(value, end, key, keyEnd);
      pos = skipSpace(text, end);
      const code = text.charCodeAt(pos);
      if (code === CLOSE_BRACE) return pos + 1;
      if (code !== COMMA) throw new JsonSyntaxError('"," or "}" expected', pos);
      pos = skipSpace(text, pos + 1);
    }
  }

  /** As `skip`, of an array; `element` is told where each element lies. */
  skipArray(text: string, at: number, depth = 0, element?: Visitor): number {
    this.enter(depth, at);
    let pos = skipSpace(text, at + 1);
    if (text.charCodeAt(pos) === CLOSE_BRACKET) return pos + 1;
    for (;;) {
      const end = this.skip(text, pos, depth + 1);
      element?.(pos, end, pos, pos);
      pos = skipSpace(text, end);
      const code = text.charCodeAt(pos);
      if (code === CLOSE_BRACKET) return pos + 1;
      if (code !== COMMA) throw new JsonSyntaxError('"," or "]" expected', pos);
      pos = skipSpace(text, pos + 1);
    }
  }

  private enter(depth: number, at: number): void {
    if (depth >= this.limits.maxDepth) throw new JsonSyntaxError(`nested deeper than ${this.limits.maxDepth}`, at);
  }
}

/** Is told where a value lies, and of a member its key literal, quotes included. */
type Visitor = (start: number, end: number, keyStart: number, keyEnd: number) => void;

/** The text that a JSON string literal (quotes included) stands for. */
export function unquote(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  const text: unknown = JSON.parse(literal);
  if (typeof text !== 'string') throw new JsonSyntaxError('not a string', 0);
  return text;
}

/** One JSON object, taken apart one level deep: keys (unescaped) to the exact text of their values. */
export type Members = Map<string, string>;

/**
 * The members of one object in their order, a key that stands twice included.
 * Throws JsonSyntaxError where the text is no JSON object.
 */
export function entries(text: string): [key: string, value: string][] {
  const found: [key: string, value: string][] = [];
  const start = skipSpace(text, 0);
  if (text.charCodeAt(start) !== OPEN_BRACE) throw new JsonSyntaxError('an object was expected', start);
  const walker = new JsonWalker(UPSTREAM_JSON_LIMITS);
  const end = walker.skipObject(text, start, 0, (value, valueEnd, key, keyEnd) => {
    found.push([unquote(text.slice(key, keyEnd)), text.slice(value, valueEnd)]);
  });
  expectEnd(text, end);
  return found;
}

/** The members of one object by key; of a key that stands twice the last value, as `JSON.parse` does. */
export function members(text: string): Members {
  return new Map(entries(text));
}

/** The exact texts of an array's elements. Throws JsonSyntaxError where the text is no JSON array. */
export function elements(text: string): string[] {
  const found: string[] = [];
  const start = skipSpace(text, 0);
  if (text.charCodeAt(start) !== OPEN_BRACKET) throw new JsonSyntaxError('an array was expected', start);
  const walker = new JsonWalker(UPSTREAM_JSON_LIMITS);
  const end = walker.skipArray(text, start, 0, (value, valueEnd) => found.push(text.slice(value, valueEnd)));
  expectEnd(text, end);
  return found;
}

/** Puts members together to an object again, in their order. */
export function objectText(found: Members): string {
  let text = '{';
  for (const [key, value] of found) text += `${text.length > 1 ? ',' : ''}${JSON.stringify(key)}:${value}`;
  return `${text}}`;
}

/** The string that `key` holds, or undefined where it holds none. */
export function stringMember(found: Members, key: string): string | undefined {
  const value = found.get(key);
  return value?.startsWith('"') === true ? unquote(value) : undefined;
}
