import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isContent } from '../../src/completion/events.ts';

const start = (block: object): string =>
  JSON.stringify({ type: 'content_block_start', index: 0, content_block: block });

test('an answer has begun with its first content, and not with a block that is empty yet', () => {
  const empty = [
    { type: 'text', text: '' },
    { citations: null, type: 'text', text: '' },
    { type: 'thinking', thinking: '', signature: '' },
    { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} },
    { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
  ];
  const full = [
    { type: 'text', text: 'Hi' },
    { type: 'redacted_thinking', data: 'abc' },
    { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [{ type: 'web_search_result', title: '' }] },
    { type: 'tool_use', id: 'toolu_1', name: 'f', input: { text: '' } },
    { type: 'something_new', payload: 7 },
  ];
  for (const block of empty) {
    assert.equal(isContent({ type: 'content_block_start', data: start(block) }), false, JSON.stringify(block));
  }
  for (const block of full) {
    assert.equal(isContent({ type: 'content_block_start', data: start(block) }), true, JSON.stringify(block));
  }
  assert.equal(
    isContent({ type: 'content_block_start', data: start({ type: 'text', text: '' }).replaceAll(/[:,{]/g, '$& ') }),
    false,
  );
  for (const type of ['message_start', 'ping']) assert.equal(isContent({ type, data: '{}' }), false);
  for (const type of ['content_block_delta', 'content_block_stop', 'message_delta', 'message_stop', 'new']) {
    assert.equal(isContent({ type, data: '{}' }), true);
  }
});
