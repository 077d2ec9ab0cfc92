import { hash32 } from './hash.ts';

const MESSAGES = '"messages":[';
/** Longer beginnings of a conversation are told apart well enough by so many characters. */
const SAMPLE = 1024;

/**
 * A key that all turns of one conversation share: the hash of its first message, which later turns repeat byte for byte
 * at the head of their history. Tools and system prompt are left out, although they come first in the upstream's cache:
 * an application whose calls all share them would put its whole load on one organization, to save each of the others one
 * cache write. Callers who want just that name an `affinity_key`.
 *
 * @param body JSON text of a Messages request, as the codec writes it: no space between tokens
 * @returns a whole number in [0, 2^32)
 */
export function conversationKey(body: string): number {
  const at = body.indexOf(MESSAGES);
  const start = at < 0 ? 0 : at + MESSAGES.length;
  return hash32(body, start, endOfObject(body, start, Math.min(body.length, start + SAMPLE)));
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
