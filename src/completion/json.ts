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
const ESCAPE = /[bfnrt"\\/]|u[0-9a-fA-F]{4}/y;

/** The offset of the first character at or after `at` that is not JSON white space. */
export function skipSpace(text: string, at: number): number {
  let pos = at;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return pos;
    pos += 1;
  }
}

/** The offset after the string literal that starts at `at`. */
export function skipString(text: string, at: number): number {
  let pos = at + 1;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code === QUOTE) return pos + 1;
    if (code === BACKSLASH) {
      ESCAPE.lastIndex = pos + 1;
      if (!ESCAPE.test(text)) throw new JsonSyntaxError('bad escape in a string', pos);
      pos = ESCAPE.lastIndex;
    } else if (code >= 0x20) {
      pos += 1;
    } else {
      throw new JsonSyntaxError(pos >= text.length ? 'string without end' : 'control character in a string', pos);
    }
  }
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
        return this.skipObject(text, at, depth + 1);
      case OPEN_BRACKET:
        return this.skipArray(text, at, depth + 1);
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
    const end = skipSpace(text, this.skip(text, skipSpace(text, 0)));
    if (end < text.length) throw new JsonSyntaxError('more text after the JSON value', end);
  }

  private skipObject(text: string, at: number, depth: number): number {
    if (depth > this.limits.maxDepth) throw new JsonSyntaxError(`nested deeper than ${this.limits.maxDepth}`, at);
    let pos = skipSpace(text, at + 1);
    if (text.charCodeAt(pos) === CLOSE_BRACE) return pos + 1;
    for (;;) {
      if (text.charCodeAt(pos) !== QUOTE) throw new JsonSyntaxError('an object key must be a string', pos);
      pos = skipSpace(text, skipString(text, pos));
      if (text.charCodeAt(pos) !== COLON) throw new JsonSyntaxError('":" expected after an object key', pos);
      pos = skipSpace(text, this.skip(text, skipSpace(text, pos + 1), depth));
      const code = text.charCodeAt(pos);
      if (code === CLOSE_BRACE) return pos + 1;
      if (code !== COMMA) throw new JsonSyntaxError('"," or "}" expected', pos);
      pos = skipSpace(text, pos + 1);
    }
  }

  private skipArray(text: string, at: number, depth: number): number {
    if (depth > this.limits.maxDepth) throw new JsonSyntaxError(`nested deeper than ${this.limits.maxDepth}`, at);
    let pos = skipSpace(text, at + 1);
    if (text.charCodeAt(pos) === CLOSE_BRACKET) return pos + 1;
    for (;;) {
      pos = skipSpace(text, this.skip(text, pos, depth));
      const code = text.charCodeAt(pos);
      if (code === CLOSE_BRACKET) return pos + 1;
      if (code !== COMMA) throw new JsonSyntaxError('"," or "]" expected', pos);
      pos = skipSpace(text, pos + 1);
    }
  }
}

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
  const walker = new JsonWalker(UPSTREAM_JSON_LIMITS);
  const found: [key: string, value: string][] = [];
  let pos = skipSpace(text, 0);
  if (text.charCodeAt(pos) !== OPEN_BRACE) throw new JsonSyntaxError('an object was expected', pos);
  pos = skipSpace(text, pos + 1);
  if (text.charCodeAt(pos) === CLOSE_BRACE) return found;
  for (;;) {
    if (text.charCodeAt(pos) !== QUOTE) throw new JsonSyntaxError('an object key must be a string', pos);
    const keyEnd = skipString(text, pos);
    const key = unquote(text.slice(pos, keyEnd));
    pos = skipSpace(text, keyEnd);
    if (text.charCodeAt(pos) !== COLON) throw new JsonSyntaxError('":" expected after an object key', pos);
    const start = skipSpace(text, pos + 1);
    const end = walker.skip(text, start);
    found.push([key, text.slice(start, end)]);
    pos = skipSpace(text, end);
    const code = text.charCodeAt(pos);
    if (code === CLOSE_BRACE) return found;
    if (code !== COMMA) throw new JsonSyntaxError('"," or "}" expected', pos);
    pos = skipSpace(text, pos + 1);
  }
}

/** The members of one object by key; of a key that stands twice the last value, as `JSON.parse` does. */
export function members(text: string): Members {
  return new Map(entries(text));
}

/** The exact texts of an array's elements. Throws JsonSyntaxError where the text is no JSON array. */
export function elements(text: string): string[] {
  const walker = new JsonWalker(UPSTREAM_JSON_LIMITS);
  const found: string[] = [];
  let pos = skipSpace(text, 0);
  if (text.charCodeAt(pos) !== OPEN_BRACKET) throw new JsonSyntaxError('an array was expected', pos);
  pos = skipSpace(text, pos + 1);
  if (text.charCodeAt(pos) === CLOSE_BRACKET) return found;
  for (;;) {
    const end = walker.skip(text, pos);
    found.push(text.slice(pos, end));
    pos = skipSpace(text, end);
    const code = text.charCodeAt(pos);
    if (code === CLOSE_BRACKET) return found;
    if (code !== COMMA) throw new JsonSyntaxError('"," or "]" expected', pos);
    pos = skipSpace(text, pos + 1);
  }
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
