import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OutputMeter, tokensWithin } from '../../src/access/output-meter.ts';

function read(...events: [time: number, data: Record<string, unknown> | string][]): OutputMeter {
  const meter = new OutputMeter();
  for (const [time, event] of events) {
    const data = typeof event === 'string' ? event : JSON.stringify(event);
    const { type }: { type: string } = JSON.parse(data);
    meter.observe({ type, data }, time);
  }
  return meter;
}

function start(type: string): Record<string, unknown> {
  return { type: 'content_block_start', index: 0, content_block: { type, text: '' } };
}

function delta(delta: Record<string, unknown>): Record<string, unknown> {
  return { type: 'content_block_delta', index: 0, delta };
}

const STOP = { type: 'content_block_stop', index: 0 };

describe('the output of an answer that was cut', () => {
  it('is estimated by the length of what was shown, padding left out', () => {
    const padded = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${'b'.repeat(60)}"}      }`;
    const meter = read(
      [0, start('text')],
      [0, delta({ type: 'text_delta', text: 'a'.repeat(30) })],
      [0, padded],
      [0, STOP],
      [0, start('tool_use')],
      [0, delta({ type: 'input_json_delta', partial_json: '你'.repeat(10) })],
    );
    assert.equal(meter.tokens(99_000), 40);
  });

  it('has nothing for signatures, citations and pings', () => {
    const meter = read(
      [0, start('text')],
      [0, { type: 'ping' }],
      [0, delta({ type: 'citations_delta', citation: { type: 'char_location', cited_text: 'x'.repeat(300) } })],
      [0, delta({ type: 'signature_delta', signature: 'x'.repeat(9000) })],
      [0, STOP],
    );
    assert.equal(meter.tokens(0), 0);
  });

  it('has thinking by its time, shown or not, also while it lasts', () => {
    for (const type of ['thinking', 'redacted_thinking']) {
      const meter = read([1000, start(type)], [2000, delta({ type: 'thinking_delta', thinking: 'Hm' })]);
      assert.equal(meter.tokens(4000), tokensWithin(3000), type);
      meter.observe({ type: 'content_block_stop', data: JSON.stringify(STOP) }, 5000);
      assert.equal(meter.tokens(60_000), tokensWithin(4000), type);
    }
  });

  it('is counted once the last delta of the message has come', () => {
    assert.equal(read([0, { type: 'message_start' }], [0, STOP]).isCounted, false);
    assert.equal(read([0, { type: 'message_delta' }]).isCounted, true);
  });
});
