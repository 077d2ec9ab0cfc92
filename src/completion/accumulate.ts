import { RelayError } from './errors.ts';
import { blockIndex, typeOf } from './events.ts';
import {
  elements,
  JsonSyntaxError,
  type Members,
  members,
  objectText,
  skipString,
  stringMember,
  unquote,
} from './json.ts';
import { completeJson } from './partial-json.ts';
import type { StreamEvent } from './reply.ts';

/** A block under way: its members, and what its deltas bring. */
interface OpenBlock {
  readonly type: string | undefined;
  readonly fields: Members;
  /** Insides of JSON string literals by member: a string grows by putting literals together, escapes and all. */
  readonly grown: Map<string, Pieces>;
  readonly citations: string[];
}

interface Growth {
  /** The kinds of blocks that grow by the delta. */
  readonly blocks: readonly string[];
  /** The member of the delta that holds the piece. */
  readonly piece: string;
}

const GROWTH: ReadonlyMap<string, Growth> = new Map([
  ['text_delta', { blocks: ['text'], piece: 'text' }],
  ['thinking_delta', { blocks: ['thinking'], piece: 'thinking' }],
  ['input_json_delta', { blocks: ['tool_use', 'server_tool_use', 'mcp_tool_use'], piece: 'partial_json' }],
]);

/** How nearly all deltas of a stream begin, up to the piece, and end; others are taken apart properly. */
const USUAL_HEAD =
  /^\{"type":"content_block_delta","index":(\d+),"delta":\{"type":"(text_delta|thinking_delta|input_json_delta)","(text|thinking|partial_json)":(?=")/;
const USUAL_TAIL = /\}\s*\}\s*$/y;

/**
 * Makes the one Message that a stream of events tells, as the official SDKs do (deltas appended by `index`, counters of
 * `message_delta` replacing earlier ones, unknown deltas left out), on JSON text: what is not a delta keeps its bytes.
 * Stricter than the SDKs where these lose content without a word: an event that belongs to no block is an error.
 */
export class Accumulator {
  private message: Members | undefined;
  private readonly blocks = new Map<number, OpenBlock>();
  private stopped = false;

  /** Adds one event. Throws STREAM_INTERRUPTED where the event is not of the API's form. */
  add(event: StreamEvent): void {
    try {
      this.apply(event);
    } catch (thrown) {
      throw thrown instanceof JsonSyntaxError ? malformed(thrown) : thrown;
    }
  }

  /** The Message as JSON text. Throws STREAM_INTERRUPTED where the stream ended without `message_stop`. */
  finish(): string {
    if (this.message === undefined || !this.stopped) {
      throw new RelayError('STREAM_INTERRUPTED', 'The upstream answer ended before it was complete. Retry.');
    }
    const inOrder = [...this.blocks].sort(([a], [b]) => a - b);
    this.message.set('content', `[${inOrder.map(([, block]) => blockText(block)).join(',')}]`);
    return objectText(this.message);
  }

  private apply({ type, data }: StreamEvent): void {
    switch (type) {
      case 'message_start':
        return this.start(members(data));
      case 'content_block_start':
        return this.startBlock(members(data));
      case 'content_block_delta':
        return this.applyDelta(data);
      case 'message_delta':
        return this.applyMessageDelta(members(data));
      case 'message_stop':
        this.stopped = true;
        return;
      default:
        return;
    }
  }

  private start(event: Members): void {
    if (this.message !== undefined) throw malformed();
    this.message = members(event.get('message') ?? '');
    const content = this.message.get('content') ?? 'null';
    if (content === 'null') return;
    for (const [index, block] of elements(content).entries()) this.blocks.set(index, openBlock(block));
  }

  private startBlock(event: Members): void {
    const index = blockIndex(event);
    if (this.message === undefined || index < 0 || this.blocks.has(index)) throw malformed();
    const block = openBlock(event.get('content_block') ?? '');
    this.blocks.set(index, block);
    // A fallback block names the model that goes on (messages-api: mid-stream fallback).
    const model = block.type === 'fallback' ? membersOf(block.fields.get('to')).get('model') : undefined;
    if (model !== undefined) this.message.set('model', model);
  }

  private applyDelta(data: string): void {
    const [head = '', index, type = '', name] = USUAL_HEAD.exec(data) ?? [];
    const growth = GROWTH.get(type);
    if (growth !== undefined && growth.piece === name) {
      const end = skipString(data, head.length);
      USUAL_TAIL.lastIndex = end;
      if (USUAL_TAIL.test(data)) return this.grow(Number(index), growth, data.slice(head.length + 1, end - 1));
    }
    const event = members(data);
    this.applyRareDelta(blockIndex(event), membersOf(event.get('delta')));
  }

  private applyRareDelta(index: number, delta: Members): void {
    const type = stringMember(delta, 'type') ?? '';
    const growth = GROWTH.get(type);
    const block = this.blocks.get(index);
    if (growth !== undefined) {
      const piece = delta.get(growth.piece);
      if (piece?.startsWith('"') === true) this.grow(index, growth, piece.slice(1, -1));
    } else if (type === 'signature_delta' && block?.type === 'thinking') {
      replace(block.fields, 'signature', delta.get('signature'));
    } else if (type === 'citations_delta' && block?.type === 'text') {
      block.citations.push(delta.get('citation') ?? 'null');
    } else if (type === 'compaction_delta' && block?.type === 'compaction') {
      replace(block.fields, 'content', delta.get('content'));
      replace(block.fields, 'encrypted_content', delta.get('encrypted_content'));
    }
  }

  private grow(index: number, { blocks, piece: name }: Growth, piece: string): void {
    const block = this.blocks.get(index);
    if (block === undefined) throw malformed();
    if (block.type === undefined || !blocks.includes(block.type)) return;
    const pieces = block.grown.get(name);
    if (pieces === undefined) block.grown.set(name, new Pieces(piece));
    else pieces.add(piece);
  }

  private applyMessageDelta(event: Members): void {
    const { message } = this;
    if (message === undefined) throw malformed();
    for (const [key, value] of membersOf(event.get('delta'))) {
      // Of these only `container` stays what it was when the delta says null.
      if (key !== 'container' || value !== 'null') message.set(key, value);
    }
    const usage = membersOf(message.get('usage'));
    for (const [key, value] of membersOf(event.get('usage'))) if (value !== 'null') usage.set(key, value);
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

/**
 * A tool's input from the pieces that were streamed: its exact text where that is JSON, nothing means `{}`, a cut one is
 * completed. What is not JSON at all (eager streaming leaves it unchecked) stays a JSON string: nothing is lost, and it
 * cannot be taken for an object.
 */
export function inputText(pieces: string): string {
  if (pieces === '') return '{}';
  return completeJson(pieces) ?? JSON.stringify(pieces);
}

function openBlock(text: string): OpenBlock {
  return { type: typeOf(text), fields: members(text), grown: new Map(), citations: [] };
}

function blockText(block: OpenBlock): string {
  for (const [key, pieces] of block.grown) {
    const grown = pieces.text();
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

function replace(fields: Members, key: string, value: string | undefined): void {
  if (value !== undefined) fields.set(key, value);
}

/** The members of an object; none where it is absent or null. */
function membersOf(value: string | undefined): Members {
  return value === undefined || value === 'null' ? new Map() : members(value);
}

function malformed(cause?: JsonSyntaxError): RelayError {
  return new RelayError('STREAM_INTERRUPTED', 'The upstream sent an event that is not of its own form. Retry.', {
    cause,
  });
}

/** How many pieces are put together at once. */
const BATCH = 64;

/**
 * A text that grows by pieces. `+` alone would keep every piece, and with it the event that it was cut out of, until the
 * text is read.
 */
class Pieces {
  private joined = '';
  private latest: string[];

  constructor(first: string) {
    this.latest = [first];
  }

  add(piece: string): void {
    if (this.latest.push(piece) < BATCH) return;
    this.joined += this.latest.join('');
    this.latest.length = 0;
  }

  text(): string {
    return this.joined + this.latest.join('');
  }
}
