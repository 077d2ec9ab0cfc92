import { blockIndex } from '../../completion/events.ts';
import { RelayError } from '../../completion/errors.ts';
import { members, objectText, stringMember } from '../../completion/json.ts';
import type { StreamEvent } from '../../completion/reply.ts';

/** The members of deltas whose text goes on in the next delta of the same block. */
const GROWING = ['text', 'thinking', 'partial_json'] as const;
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/**
 * Joins surrogate pairs that the upstream cut between two deltas of a block (JSON can carry half a pair, protobuf
 * strings cannot): the first half waits here for the second. One joiner for one stream.
 */
export class SurrogateJoiner {
  private readonly halves = new Map<string, string>();

  /**
   * The event with whole characters only. Throws UPSTREAM_INVALID_TEXT at the end of a block whose other half never came.
   */
  join(event: StreamEvent): StreamEvent {
    if (event.type === 'content_block_delta') {
      const mayMatter = this.halves.size > 0 || SURROGATE_ESCAPE.test(event.data);
      return mayMatter ? this.joinDelta(event) : event;
    }
    if (event.type === 'content_block_stop' && this.halves.size > 0) this.expectNone(blockIndex(members(event.data)));
    return event;
  }

  private joinDelta(event: StreamEvent): StreamEvent {
    const fields = members(event.data);
    const delta = members(fields.get('delta') ?? '{}');
    for (const name of GROWING) {
      const piece = stringMember(delta, name);
      if (piece === undefined) continue;
      const place = `${blockIndex(fields)}/${name}`;
      const text = (this.halves.get(place) ?? '') + piece;
      const last = text.charCodeAt(text.length - 1);
      const endsInHalf = last >= 0xd800 && last <= 0xdbff;
      if (endsInHalf) this.halves.set(place, text.slice(-1));
      else this.halves.delete(place);
      delta.set(name, JSON.stringify(endsInHalf ? text.slice(0, -1) : text));
    }
    fields.set('delta', objectText(delta));
    return { type: event.type, data: objectText(fields) };
  }

  private expectNone(block: number): void {
    for (const name of GROWING) {
      if (!this.halves.has(`${block}/${name}`)) continue;
      throw new RelayError(
        'UPSTREAM_INVALID_TEXT',
        `The upstream ended block ${block} with half a surrogate pair in "${name}", which protobuf strings cannot hold. ` +
          'Ask again; the answer was not altered to make it fit.',
      );
    }
  }
}
