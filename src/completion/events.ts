import {
  JsonWalker,
  type Members,
  members,
  skipSpace,
  skipString,
  stringMember,
  unquote,
  UPSTREAM_JSON_LIMITS,
} from './json.ts';
import type { StreamEvent } from './reply.ts';

/**
 * Whether the answer has really begun with this event: what comes before, a caller need not see, and the gate may hold it
 * back. A block that begins empty is no content yet; where the upstream fails early it often does so right after one.
 */
export function isContent({ type, data }: StreamEvent): boolean {
  if (type === 'message_start' || type === 'ping') return false;
  return type !== 'content_block_start' || !EMPTY_BLOCK.test(data);
}

/** How the blocks begin that deltas fill: with an empty text, thought or input. */
const EMPTY_BLOCK = /"content_block"\s*:\s*\{[^{}]*"(?:text|thinking|input)"\s*:\s*(?:""|\{\s*\})/;

/** The `index` of a content block event; -1 where it has none. */
export function blockIndex(event: Members): number {
  const index = Number(event.get('index'));
  return Number.isInteger(index) ? index : -1;
}

/** How the API begins nearly all of its objects. */
const LEADING_TYPE = '{"type":';

/**
 * The `type` of the object of the API that starts at `at`, whatever its place among the keys; undefined where it has
 * none. Throws JsonSyntaxError where the text is no JSON object.
 */
export function typeOf(text: string, at = 0): string | undefined {
  const start = skipSpace(text, at);
  const value = start + LEADING_TYPE.length;
  if (text.startsWith(LEADING_TYPE, start) && text.charAt(value) === '"') {
    return unquote(text.slice(value, skipString(text, value)));
  }
  return stringMember(members(text.slice(start, new JsonWalker(UPSTREAM_JSON_LIMITS).skip(text, start))), 'type');
}
