import { RelayError } from './errors.ts';
import { blockIndex, typeOf } from './events.ts';
import { elements, JsonSyntaxError, type Members, members, objectText, stringMember } from './json.ts';
import { completeJson } from './partial-json.ts';
import type { StreamEvent } from './reply.ts';

/** A block under way: its members, and the pieces that its deltas bring. */
interface OpenBlock {
  readonly type: string | undefined;
  readonly fields: Members;
  readonly texts: Map<string, string>;
  readonly citations: string[];
  input: string | undefined;
}

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
        return this.applyDelta(members(event.data));
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

  private applyDelta(event: Members): void {
    const block = this.blocks[blockIndex(event)];
    const delta = event.get('delta');
    if (block === undefined || delta === undefined) return;
    const fields = members(delta);
    switch (stringMember(fields, 'type')) {
      case 'text_delta':
        if (block.type === 'text') append(block, 'text', fields);
        return;
      case 'thinking_delta':
        if (block.type === 'thinking') append(block, 'thinking', fields);
        return;
      case 'signature_delta':
        if (block.type === 'thinking') replace(block.fields, 'signature', fields.get('signature'));
        return;
      case 'citations_delta':
        if (block.type === 'text') block.citations.push(fields.get('citation') ?? 'null');
        return;
      case 'input_json_delta':
        if (takesInput(block)) block.input = (block.input ?? '') + (stringMember(fields, 'partial_json') ?? '');
        return;
      case 'compaction_delta':
        if (block.type !== 'compaction') return;
        replace(block.fields, 'content', fields.get('content'));
        replace(block.fields, 'encrypted_content', fields.get('encrypted_content'));
        return;
      default:
        return;
    }
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
  return { type: typeOf(text), fields: members(text), texts: new Map(), citations: [], input: undefined };
}

function takesInput(block: OpenBlock): boolean {
  return block.type === 'tool_use' || block.type === 'server_tool_use' || block.type === 'mcp_tool_use';
}

function append(block: OpenBlock, key: string, delta: Members): void {
  const begun = block.texts.get(key) ?? stringMember(block.fields, key) ?? '';
  block.texts.set(key, begun + (stringMember(delta, key) ?? ''));
}

function replace(fields: Members, key: string, value: string | undefined): void {
  if (value !== undefined) fields.set(key, value);
}

function blockText(block: OpenBlock): string {
  for (const [key, text] of block.texts) block.fields.set(key, JSON.stringify(text));
  if (block.citations.length > 0) {
    const begun = block.fields.get('citations');
    const earlier = begun === undefined || begun === 'null' ? [] : elements(begun);
    block.fields.set('citations', `[${[...earlier, ...block.citations].join(',')}]`);
  }
  if (block.input !== undefined) block.fields.set('input', inputText(block.input));
  return objectText(block.fields);
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
