import type { StreamEvent } from '../completion/reply.ts';

/** Members of a delta that hold what a reader gets to see. */
const TEXT_MEMBER = /"(?:text|thinking|partial_json)"\s*:\s*"/g;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOW_SURROGATE = /^d[c-f]$/i;

/** How much of a stream has been sent: what a caller is told when it breaks. */
export class Delivered {
  /** Blocks that were sent to their end. */
  blocks = 0;
  /** Unicode code points of text, thinking and tool input. */
  characters = 0;
  /** Whether any content has been sent. */
  hasContent = false;

  /** Counts an event that is on its way to the caller. */
  add(event: StreamEvent): void {
    if (event.type === 'content_block_delta') {
      this.characters += deltaLength(event.data);
    } else if (event.type === 'content_block_start') {
      this.hasContent = true;
    } else if (event.type === 'content_block_stop') {
      this.blocks++;
    }
  }
}

/**
 * Code points in the text of a delta, without parsing the event: `"type":"text_delta"` does not match, for its colon
 * comes before it, and within a string the quotes of a look-alike are escaped.
 */
function deltaLength(data: string): number {
  TEXT_MEMBER.lastIndex = 0;
  if (!TEXT_MEMBER.test(data)) return 0;
  const start = TEXT_MEMBER.lastIndex;
  let count = 0;
  for (let at = start; at < data.length; at++) {
    const unit = data.charCodeAt(at);
    if (unit === QUOTE) return count;
    // The second half of a surrogate pair belongs to the code point that its first half began.
    if (unit === BACKSLASH) {
      const isUnicode = data[at + 1] === 'u';
      if (!isUnicode || !LOW_SURROGATE.test(data.slice(at + 2, at + 4))) count++;
      at += isUnicode ? 5 : 1;
    } else if (unit < 0xdc00 || unit > 0xdfff) {
      count++;
    }
  }
  return count;
}
