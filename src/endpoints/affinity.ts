import { hash32 } from './hash.ts';
import { markedPrefixKey } from './marked-prefix.ts';

const MESSAGES = '"messages":[';
/** Longer beginnings of a conversation are told apart well enough by so many characters. */
const SAMPLE = 1024;
/** A breakpoint within a message, as the codec writes it: which message has one changes from turn to turn. */
const BREAKPOINTS = /,"cache_control":(?:null|\{[^{}]*\})/g;
/** More than the four breakpoints that a request may have (reference 1.5) take. */
const BREAKPOINTS_LENGTH = 256;

/**
 * The key by which a call belongs to an organization. Where the caller has marked tools or system prompt for the upstream's
 * cache, it is theirs: every other organization would have to write the same prefix to its own cache. Where not, it is the
 * conversation's.
 *
 * @param body JSON text of a Messages request, as the codec writes it
 * @returns a whole number in [0, 2^32)
 */
export function affinityKey(body: string, model: string): number {
  return markedPrefixKey(body, model) ?? conversationKey(body);
}

/**
 * A key that all turns of one conversation share: the hash of its first message, which later turns repeat at the head of
 * their history. Tools and system prompt are left out: unmarked they are not cached by themselves, and an application whose
 * calls share them would put its whole load on one organization for nothing.
 *
 * @param body JSON text of a Messages request, as the codec writes it: no space between tokens
 * @returns a whole number in [0, 2^32)
 */
export function conversationKey(body: string): number {
  const at = body.indexOf(MESSAGES);
  const start = at < 0 ? 0 : at + MESSAGES.length;
  const end = endOfObject(body, start, Math.min(body.length, start + SAMPLE + BREAKPOINTS_LENGTH));
  const message = body.slice(start, end).replace(BREAKPOINTS, '');
  return hash32(message, 0, Math.min(message.length, SAMPLE));
}

/** Where the object that starts at `start` ends, or `limit`. */
function endOfObject(text: string, start: number, limit: number): number {
  let depth = 0;
  let inString = false;
  for (let at = start; at < limit; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) {
      inString = true;
    } else if (code === OPEN) {
      depth++;
    } else if (code === CLOSE && --depth === 0) {
      return at + 1;
    }
  }
  return limit;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
