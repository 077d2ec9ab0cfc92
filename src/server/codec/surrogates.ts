import { RelayError } from '../../completion/errors.ts';
import { blockIndex } from '../../completion/events.ts';
import { members, objectText, stringMember } from '../../completion/json.ts';
import type { StreamEvent } from '../../completion/reply.ts';

/** By kind of block or delta: the member whose text goes on in the next delta of the same block. */
const GROWING: ReadonlyMap<string, string> = new Map([
  ['text', 'text'],
  ['text_delta', 'text'],
  ['thinking', 'thinking'],
  ['thinking_delta', 'thinking'],
  ['input_json_delta', 'partial_json'],
]);
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/**
 * Joins surrogate pairs that the upstream cut between two deltas of a block (JSON can carry half a pair, protobuf
 * strings cannot): the first half waits here for the second. One joiner for one stream.
 */
export class SurrogateJoiner {
  /** Waiting halves by block and member, e.g. `0/text`. */
  private readonly halves = new Map<string, string>();

  /**
   * The event as well-formed text, with whole characters only as far as the other half can still come. Throws UPSTREAM_INVALID_TEXT where a
   * block, or the answer, ends without it.
   */
  join(event: StreamEvent): StreamEvent {
    const data = escapeHalves(event.data);
    return this.joinHalves(data === event.data ? event : { type: event.type, data });
  }

  private joinHalves(event: StreamEvent): StreamEvent {
    switch (event.type) {
      case 'content_block_start':
        return this.mayMatter(event) ? this.joinIn(event, 'content_block') : event;
      case 'content_block_delta':
        return this.mayMatter(event) ? this.joinIn(event, 'delta') : event;
      case 'content_block_stop':
        if (this.halves.size > 0) this.expectNone(`${blockIndex(members(event.data))}/`);
        return event;
      case 'message_delta':
      case 'message_stop':
        if (this.halves.size > 0) this.expectNone('');
        return event;
      default:
        return event;
    }
  }

  private mayMatter({ data }: StreamEvent): boolean {
    return this.halves.size > 0 || SURROGATE_ESCAPE.test(data);
  }

  private joinIn(event: StreamEvent, part: string): StreamEvent {
    const fields = members(event.data);
    const index = blockIndex(fields);
    const grown = fields.get(part);
    if (index < 0 || grown?.startsWith('{') !== true) return event;
    const content = members(grown);
    const name = GROWING.get(stringMember(content, 'type') ?? '');
    const piece = name === undefined ? undefined : stringMember(content, name);
    if (name === undefined || piece === undefined) return event;
    const place = `${index}/${name}`;
    const text = (this.halves.get(place) ?? '') + piece;
    const last = text.charCodeAt(text.length - 1);
    const endsInHalf = last >= 0xd800 && last <= 0xdbff;
    if (endsInHalf) this.halves.set(place, text.slice(-1));
    else this.halves.delete(place);
    content.set(name, JSON.stringify(endsInHalf ? text.slice(0, -1) : text));
    fields.set(part, objectText(content));
    return { type: event.type, data: objectText(fields) };
  }

  /** @param places how the places begin at which no half may wait any more */
  private expectNone(places: string): void {
    for (const place of this.halves.keys()) {
      if (!place.startsWith(places)) continue;
      const [block, name] = place.split('/');
      throw new RelayError(
        'UPSTREAM_INVALID_TEXT',
        `The upstream ended block ${block} with half a surrogate pair in "${name}", which protobuf strings cannot ` +
          'hold. Ask again; the answer was not altered to make it fit.',
      );
    }
  }
}

/** The JSON text with halves of surrogate pairs that stand in it as such spelt as escapes, which mean the same. */
export function escapeHalves(json: string): string {
  if (json.isWellFormed()) return json;
  return json.replace(/\p{Surrogate}/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`);
}
