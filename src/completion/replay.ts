import { inputText } from './accumulate.ts';
import { RelayError } from './errors.ts';
import { elements, JsonSyntaxError, type Members, members, objectText, stringMember, unquote } from './json.ts';
import type { StreamEvent } from './reply.ts';

/**
 * Tells a whole Message as the stream of events that the API would have sent for it, so that a cached or shared answer
 * serves streaming callers too. Text, thinking, signatures, tool input and citations come as deltas, everything else
 * whole in the start of its block; accumulating the events gives the Message again.
 *
 * Throws UPSTREAM_UNAVAILABLE where the text is no Message.
 */
export function* replay(message: string): Generator<StreamEvent, void> {
  const { fields, blocks } = takeApart(message);
  const start = new Map(fields);
  start.set('content', '[]');
  for (const key of ['stop_reason', 'stop_sequence', 'stop_details']) if (start.has(key)) start.set(key, 'null');
  yield event('message_start', `"message":${objectText(start)}`);
  for (const [index, block] of blocks.entries()) yield* replayBlock(index, block);
  const end: Members = new Map();
  for (const key of ['stop_reason', 'stop_sequence', 'stop_details', 'container']) {
    const value = fields.get(key);
    if (value !== undefined) end.set(key, value);
  }
  yield event('message_delta', `"delta":${objectText(end)},"usage":${fields.get('usage') ?? '{}'}`);
  yield event('message_stop', '');
}

function takeApart(message: string): { fields: Members; blocks: Members[] } {
  try {
    const fields = members(message);
    const content = fields.get('content') ?? 'null';
    return { fields, blocks: content === 'null' ? [] : elements(content).map(members) };
  } catch (thrown) {
    if (!(thrown instanceof JsonSyntaxError)) throw thrown;
    throw new RelayError('UPSTREAM_UNAVAILABLE', 'The upstream answered with something that is no answer. Retry.', {
      cause: thrown,
    });
  }
}

function* replayBlock(index: number, block: Members): Generator<StreamEvent, void> {
  const deltas = takeDeltas(block);
  yield event('content_block_start', `"index":${index},"content_block":${objectText(block)}`);
  for (const delta of deltas) yield event('content_block_delta', `"index":${index},"delta":${delta}`);
  yield event('content_block_stop', `"index":${index}`);
}

/** Empties the members that a stream sends as deltas, and returns the deltas. */
function takeDeltas(block: Members): string[] {
  switch (stringMember(block, 'type')) {
    case 'text':
      return [...takeString(block, 'text', 'text_delta'), ...takeCitations(block)];
    case 'thinking':
      return [...takeString(block, 'thinking', 'thinking_delta'), ...takeString(block, 'signature', 'signature_delta')];
    case 'tool_use':
    case 'server_tool_use':
    case 'mcp_tool_use':
      return takeInput(block);
    default:
      return [];
  }
}

function takeString(block: Members, key: string, delta: string): string[] {
  const value = block.get(key);
  if (value?.startsWith('"') !== true || value === '""') return [];
  block.set(key, '""');
  return [`{"type":"${delta}","${key}":${value}}`];
}

function takeCitations(block: Members): string[] {
  const citations = block.get('citations');
  if (citations?.startsWith('[') !== true) return [];
  block.set('citations', '[]');
  return elements(citations).map((citation) => `{"type":"citations_delta","citation":${citation}}`);
}

/** Input that was cut off or is no JSON is kept as a string (see `inputText`): it was streamed as what the string says. */
function takeInput(block: Members): string[] {
  const input = block.get('input');
  const isObject = input?.startsWith('{') === true && input !== '{}';
  const isBroken = input?.startsWith('"') === true && inputText(unquote(input)) === JSON.stringify(unquote(input));
  if (input === undefined || (!isObject && !isBroken)) return [];
  block.set('input', '{}');
  return [`{"type":"input_json_delta","partial_json":${isObject ? JSON.stringify(input) : input}}`];
}

function event(type: string, rest: string): StreamEvent {
  return { type, data: `{"type":"${type}"${rest === '' ? '' : ','}${rest}}` };
}
