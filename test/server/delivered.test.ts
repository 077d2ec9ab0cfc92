import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as holds, boolean, constantFrom, property, string } from 'fast-check';
import { Delivered } from '../../src/server/delivered.ts';

const DELTAS = { text_delta: 'text', thinking_delta: 'thinking', input_json_delta: 'partial_json' } as const;

test('characters are code points, whatever the text and however its JSON is spelt', () => {
  holds(
    property(
      string({ unit: 'grapheme' }),
      constantFrom('text_delta', 'thinking_delta', 'input_json_delta'),
      constantFrom(undefined, 1),
      boolean(),
      (text, type, space, isAscii) => {
        const delta = { type, [DELTAS[type]]: text };
        const json = JSON.stringify({ type: 'content_block_delta', index: 0, delta }, undefined, space);
        const data = isAscii ? json.replace(/[\u0080-\uffff]/g, escaped) : json;
        const delivered = new Delivered();
        delivered.add({ type: 'content_block_delta', data });
        assert.equal(delivered.characters, Array.from(text).length);
      },
    ),
  );
});

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

test('deltas without text count nothing', () => {
  const delivered = new Delivered();
  delivered.add({
    type: 'content_block_delta',
    data: '{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"\\"text\\":\\"x"}}',
  });
  assert.equal(delivered.characters, 0);
});

test('blocks count when they are complete', () => {
  const delivered = new Delivered();
  delivered.add({ type: 'message_start', data: '{}' });
  assert.equal(delivered.hasContent, false);
  delivered.add({ type: 'content_block_start', data: '{}' });
  assert.deepEqual([delivered.hasContent, delivered.blocks], [true, 0]);
  delivered.add({ type: 'content_block_stop', data: '{}' });
  assert.equal(delivered.blocks, 1);
});
