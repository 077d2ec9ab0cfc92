import { elements, type Members, members, objectText } from './json.ts';
import type { StreamEvent } from './reply.ts';
import { typeOf } from './events.ts';

/**
 * Tells a whole Message as the stream of events that the API would have sent for it, so that a cached or shared answer
 * serves streaming callers too. Text, thinking, signatures, tool input and citations come as deltas, everything else
 * whole in the start of its block; accumulating the events gives the Message again.
 */
export function* replay(message: string): Generator<StreamEvent, void> {
  const fields = members(message);
  const blocks = elements(fields.get('content') ?? '[]');
  const usage = fields.get('usage') ?? '{}';
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
  yield event('message_delta', `"delta":${objectText(end)},"usage":${usage}`);
  yield event('message_stop', '');
}

function* replayBlock(index: number, block: string): Generator<StreamEvent, void> {
  const fields = members(block);
  const deltas = takeDeltas(typeOf(block), fields);
  yield event('content_block_start', `"index":${index},"content_block":${objectText(fields)}`);
  for (const delta of deltas) yield event('content_block_delta', `"index":${index},"delta":${delta}`);
  yield event('content_block_stop', `"index":${index}`);
}

/** Empties the members that a stream sends as deltas, and returns the deltas. */
function takeDeltas(type: string | undefined, fields: Members): string[] {
  const deltas: string[] = [];
  const take = (key: string, empty: string, delta: (value: string) => string): void => {
    const value = fields.get(key);
    if (value === undefined || value === 'null' || value === empty) return;
    fields.set(key, empty);
    deltas.push(delta(value));
  };
  if (type === 'text') {
    take('text', '""', (value) => `{"type":"text_delta","text":${value}}`);
    const citations = fields.get('citations');
    if (citations?.startsWith('[') === true) {
      fields.set('citations', '[]');
      for (const citation of elements(citations)) deltas.push(`{"type":"citations_delta","citation":${citation}}`);
    }
  } else if (type === 'thinking') {
    take('thinking', '""', (value) => `{"type":"thinking_delta","thinking":${value}}`);
    take('signature', '""', (value) => `{"type":"signature_delta","signature":${value}}`);
  } else if (type === 'tool_use' || type === 'server_tool_use' || type === 'mcp_tool_use') {
    take('input', '{}', (value) => `{"type":"input_json_delta","partial_json":${JSON.stringify(value)}}`);
  }
  return deltas;
}

function event(type: string, rest: string): StreamEvent {
  return { type, data: `{"type":"${type}"${rest === '' ? '' : ','}${rest}}` };
}
