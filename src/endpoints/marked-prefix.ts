import { crc32 } from 'node:zlib';
import { hash32 } from './hash.ts';

const MARK = '"cache_control"';
const TOOLS = '"tools"';
const SYSTEM = '"system"';

/**
 * So many characters at each end of tools and of the system prompt tell prefixes apart, with their length. Longer ones that
 * differ in their middle alone share a key, which does no harm but that they share an organization; to hash all of a
 * document that stands in a system prompt would cost every call about it.
 */
const SAMPLE = 16_384;

/**
 * After so many steps what was not found counts as absent: a bound for hostile bodies, and for histories without a system
 * prompt. A step is a string, however long, or a character between strings; tools take some 200 in each kilobyte.
 */
const MOST_STEPS = 200_000;

/** Offsets in a body. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** A list of tools or of blocks. */
interface List extends Range {
  /** Where the last item that has a breakpoint ends; undefined where none has. */
  readonly markedEnd: number | undefined;
}

/**
 * A key of what the upstream caches of a request before its messages. A breakpoint (`cache_control`) has all that precedes
 * it cached, in the order tools, system, messages, for one model (reference 2.7, 8.1). The key is that of the model, and of
 * tools and system prompt up to the last breakpoint in them: calls that share these share it, whatever their messages are.
 *
 * @param body JSON text of a Messages request, its members in the codec's order: system and tools after messages
 * @returns a whole number in [0, 2^32); undefined where neither tools nor system prompt have a breakpoint
 */
export function markedPrefixKey(body: string, model: string): number | undefined {
  if (!body.includes(MARK)) return undefined;
  const { tools, system } = toolsAndSystem(body);
  if (system?.markedEnd !== undefined) {
    const marked = { start: system.start, end: system.markedEnd };
    return keyOf(body, model, tools === undefined ? [marked] : [tools, marked]);
  }
  if (tools?.markedEnd === undefined) return undefined;
  return keyOf(body, model, [{ start: tools.start, end: tools.markedEnd }]);
}

/**
 * Looks for both from the end, since a long history stands before them. JSON can be read backwards: a quote with an odd
 * number of backslashes before it is part of a string, every other one begins or ends one.
 */
function toolsAndSystem(body: string): { tools?: List; system?: List } {
  let tools: List | undefined;
  let depth = 0;
  let inString = false;
  let listEnd: number | undefined;
  let itemEnd: number | undefined;
  let markedEnd: number | undefined;
  let at = body.length;
  for (let step = 0; step < MOST_STEPS; step++) {
    at = inString ? body.lastIndexOf('"', at - 1) : at - 1;
    if (at < 0) break;
    switch (body.charCodeAt(at)) {
      case QUOTE:
        inString = !inString || isEscaped(body, at);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth++;
        if (depth === LIST) listEnd = at + 1;
        else if (depth === ITEM) itemEnd = at + 1;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth--;
        break;
      case COLON:
        if (depth === ITEM && markedEnd === undefined && isMark(body, at)) markedEnd = itemEnd;
        if (depth !== REQUEST) break;
        if (listEnd !== undefined) {
          const list = { start: at + 1, end: listEnd, markedEnd };
          if (hasKey(body, at, SYSTEM)) return tools === undefined ? { system: list } : { tools, system: list };
          if (hasKey(body, at, TOOLS)) tools = list;
        }
        listEnd = undefined;
        markedEnd = undefined;
        break;
      default:
    }
  }
  return tools === undefined ? {} : { tools };
}

/** Depths: between the braces of the request, the brackets of a list in it, the braces of an item in that. */
const REQUEST = 1;
const LIST = 2;
const ITEM = 3;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

function isEscaped(body: string, quote: number): boolean {
  let first = quote;
  while (body.charCodeAt(first - 1) === BACKSLASH) first--;
  return (quote - first) % 2 === 1;
}

/** Whether the colon stands in a breakpoint; `null` is none. */
function isMark(body: string, colon: number): boolean {
  if (!hasKey(body, colon, MARK)) return false;
  let value = colon + 1;
  while (isSpace(body.charCodeAt(value))) value++;
  return body.charCodeAt(value) === OPEN_BRACE;
}

/** Whether `key`, quotes included, stands before the colon. */
function hasKey(body: string, colon: number, key: string): boolean {
  let end = colon;
  while (isSpace(body.charCodeAt(end - 1))) end--;
  return body.startsWith(key, end - key.length);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** CRC-32 is the fastest hash that Node has for text: ten times as fast as a loop over its characters. */
function keyOf(body: string, model: string, prefix: readonly Range[]): number {
  let sum = crc32(model);
  let length = 0;
  for (const { start, end } of prefix) {
    length += end - start;
    if (end - start <= 2 * SAMPLE) {
      sum = crc32(body.slice(start, end), sum);
    } else {
      sum = crc32(body.slice(start, start + SAMPLE), sum);
      sum = crc32(body.slice(end - SAMPLE, end), sum);
    }
  }
  return hash32(`${sum} ${length}`);
}
