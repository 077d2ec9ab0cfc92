import { RelayError } from './errors.ts';
import { blockIndex, typeOf } from './events.ts';
import { elements, JsonSyntaxError, type Members, members, objectText, stringMember, unquote } from './json.ts';
import { completeJson } from './partial-json.ts';
import type { StreamEvent } from './reply.ts';

/** A block under way: its members, and what its deltas bring. */
interface OpenBlock {
  readonly type: string | undefined;
  readonly fields: Members;
  /** Insides of JSON string literals by member: a string grows by putting literals together, escapes and all. */
  readonly grown: Map<string, string>;
  readonly citations: string[];
}

/** By kind of delta: the kinds of blocks that grow by it, and the member of the delta that holds the piece. */
const GROWTH: Readonly<Record<string, { readonly blocks: readonly string[]; readonly piece: string }>> = {
  text_delta: { blocks: ['text'], piece: 'text' },
  thinking_delta: { blocks: ['thinking'], piece: 'thinking' },
  input_json_delta: { blocks: ['tool_use', 'server_tool_use', 'mcp_tool_use'], piece: 'partial_json' },
};

/** The deltas that make up nearly all of a stream, as the API spells them; others are taken apart properly. */
const USUAL_DELTA =
  /^\{"type":"content_block_delta","index":(\d+),"delta":\{"type":"(text_delta|thinking_delta|input_json_delta)","(?:text|thinking|partial_json)":"((?:[^"\\]|\\.)*)"\}\s*\}\s*$/;

/**
 * Makes the one Message that a stream of events tells, as the official SDKs do (deltas appended by `index`, counters of
 * `message_delta` replacing earlier ones, unknown deltas left out), on JSON text: what is not a delta keeps its bytes.
 */
export class Accumulator {
  private message: Members | undefined;
  private readonly blocks: OpenBlock[] = [];
  private stopped = false;

  /** Adds one event. Throws STREAM_INTERRUPTED where the event is not of the API's form. */
  add(event: StreamEvent): void {
    try {
      this.apply(event);
    } catch (thrown) {
      if (!(thrown instanceof JsonSyntaxError)) throw thrown;
      throw new RelayError('STREAM_INTERRUPTED', 'The upstream sent an event that is not of its own form. Retry.', {
        cause: thrown,
      });
    }
  }

  /** The Message as JSON text. Throws STREAM_INTERRUPTED where the stream ended without `message_stop`. */
  finish(): string {
    if (this.message === undefined || !this.stopped) {
      throw new RelayError('STREAM_INTERRUPTED', 'The upstream answer ended before it was complete. Retry.');
    }
    this.message.set('content', `[${this.blocks.map(blockText).join(',')}]`);
    return objectText(this.message);
  }

  private apply(event: StreamEvent): void {
    switch (event.type) {
      case 'message_start':
        this.message = members(members(event.data).get('message') ?? '');
        for (const block of elements(this.message.get('content') ?? '[]')) this.blocks.push(openBlock(block));
        return;
      case 'content_block_start':
        return this.startBlock(members(event.data));
      case 'content_block_delta':
        return this.applyDelta(event.data);
      case 'message_delta':
        return this.applyMessageDelta(members(event.data));
      case 'message_stop':
        this.stopped = true;
        return;
      default:
        return;
    }
  }

  private startBlock(event: Members): void {
    const block = openBlock(event.get('content_block') ?? '');
    this.blocks.push(block);
    // A fallback block names the model that goes on (messages-api: mid-stream fallback).
    const to = block.type === 'fallback' ? block.fields.get('to') : undefined;
    const model = to === undefined ? undefined : members(to).get('model');
    if (model !== undefined) this.message?.set('model', model);
  }

  private applyDelta(data: string): void {
    const [, index, type, piece] = USUAL_DELTA.exec(data) ?? [];
    if (index !== undefined && type !== undefined && piece !== undefined) {
      const block = this.blocks[Number(index)];
      if (block !== undefined) grow(block, type, piece);
      return;
    }
    const event = members(data);
    const block = this.blocks[blockIndex(event)];
    const fields = members(event.get('delta') ?? '{}');
    if (block !== undefined) applyRareDelta(block, stringMember(fields, 'type') ?? '', fields);
  }

  private applyMessageDelta(event: Members): void {
    const message = this.message;
    if (message === undefined) return;
    for (const [key, value] of members(event.get('delta') ?? '{}')) {
      // Of these only `container` stays what it was when the delta says null.
      if (key !== 'container' || value !== 'null') message.set(key, value);
    }
    const usage = members(message.get('usage') ?? '{}');
    for (const [key, value] of members(event.get('usage') ?? '{}')) if (value !== 'null') usage.set(key, value);
    message.set('usage', objectText(usage));
    for (const [key, value] of event) {
      const isOwn = key === 'type' || key === 'delta' || key === 'usage';
      if (!isOwn && value !== 'null') message.set(key, value);
    }
  }
}

/** The Message that a whole stream tells. Throws what the stream throws. */
export async function accumulate(events: AsyncIterable<StreamEvent>): Promise<string> {
  const accumulator = new Accumulator();
  for await (const event of events) accumulator.add(event);
  return accumulator.finish();
}

function openBlock(text: string): OpenBlock {
  return { type: typeOf(text), fields: members(text), grown: new Map(), citations: [] };
}

function applyRareDelta(block: OpenBlock, type: string, delta: Members): void {
  const growth = GROWTH[type];
  if (growth !== undefined) {
    const piece = delta.get(growth.piece);
    if (piece?.startsWith('"') === true) grow(block, type, piece.slice(1, -1));
  } else if (type === 'signature_delta' && block.type === 'thinking') {
    replace(block.fields, 'signature', delta.get('signature'));
  } else if (type === 'citations_delta' && block.type === 'text') {
    block.citations.push(delta.get('citation') ?? 'null');
  } else if (type === 'compaction_delta' && block.type === 'compaction') {
    replace(block.fields, 'content', delta.get('content'));
    replace(block.fields, 'encrypted_content', delta.get('encrypted_content'));
  }
}

function grow(block: OpenBlock, delta: string, piece: string): void {
  const growth = GROWTH[delta];
  if (growth === undefined || block.type === undefined || !growth.blocks.includes(block.type)) return;
  block.grown.set(growth.piece, (block.grown.get(growth.piece) ?? '') + piece);
}

function replace(fields: Members, key: string, value: string | undefined): void {
  if (value !== undefined) fields.set(key, value);
}

function blockText(block: OpenBlock): string {
  for (const [key, grown] of block.grown) {
    if (key === 'partial_json') block.fields.set('input', inputText(unquote(`"${grown}"`)));
    else block.fields.set(key, `"${insideOf(block.fields.get(key))}${grown}"`);
  }
  if (block.citations.length > 0) {
    const begun = block.fields.get('citations');
    const earlier = begun?.startsWith('[') === true ? elements(begun) : [];
    block.fields.set('citations', `[${[...earlier, ...block.citations].join(',')}]`);
  }
  return objectText(block.fields);
}

function insideOf(literal: string | undefined): string {
  return literal?.startsWith('"') === true ? literal.slice(1, -1) : '';
}

/**
 * A tool's input from the pieces that were streamed: its exact text where that is JSON, nothing means `{}`, a cut one is
 * completed. What is not JSON at all (eager streaming leaves it unchecked) stays a JSON string: nothing is lost, and it
 * cannot be taken for an object.
 */
function inputText(pieces: string): string {
  if (pieces === '') return '{}';
  return completeJson(pieces) ?? JSON.stringify(pieces);
}
