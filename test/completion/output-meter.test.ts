import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OutputMeter, tokensWithin } from '../../src/completion/output-meter.ts';

type Timed = readonly [time: number, data: Record<string, unknown> | string];

function reader() {
  let now = 0;
  const meter = new OutputMeter(() => now);
  return {
    meter,
    read: (...events: readonly Timed[]): void => {
      for (const [time, event] of events) {
        now = time;
        const data = typeof event === 'string' ? event : JSON.stringify(event);
        const { type }: { type: string } = JSON.parse(data);
        meter.observe(type, JSON.parse(data));
      }
    },
    tokensAt: (time: number): number => {
      now = time;
      return meter.complete({}, 1_000_000).output_tokens ?? 0;
    },
  };
}

function start(type: string): Record<string, unknown> {
  return { type: 'content_block_start', index: 0, content_block: { type, text: '' } };
}

function delta(delta: Record<string, unknown>): Record<string, unknown> {
  return { type: 'content_block_delta', index: 0, delta };
}

const STARTED = { input_tokens: 40, output_tokens: 1 };
const STOP = { type: 'content_block_stop', index: 0 };

describe('the output of an answer that was cut', () => {
  it('is estimated by the length of what was shown, padding left out', () => {
    const padded = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${'b'.repeat(60)}"}      }`;
    const { read, tokensAt } = reader();
    read(
      [0, start('text')],
      [0, delta({ type: 'text_delta', text: 'a'.repeat(30) })],
      [0, padded],
      [0, STOP],
      [0, start('tool_use')],
      [0, delta({ type: 'input_json_delta', partial_json: '你'.repeat(10) })],
    );
    assert.equal(tokensAt(99_000), 40);
  });

  it('has nothing for signatures, citations and pings', () => {
    const { read, tokensAt } = reader();
    read(
      [0, start('text')],
      [0, { type: 'ping' }],
      [0, delta({ type: 'citations_delta', citation: { type: 'char_location', cited_text: 'x'.repeat(300) } })],
      [0, delta({ type: 'signature_delta', signature: 'x'.repeat(9000) })],
      [0, STOP],
    );
    assert.equal(tokensAt(0), 0);
  });

  it('has thinking by its time, shown or not, also while it lasts', () => {
    for (const type of ['thinking', 'redacted_thinking']) {
      const { read, tokensAt } = reader();
      read([1000, start(type)], [2000, delta({ type: 'thinking_delta', thinking: 'Hm' })]);
      assert.equal(tokensAt(4000), tokensWithin(3000), type);
      read([5000, STOP]);
      assert.equal(tokensAt(60_000), tokensWithin(4000), type);
    }
  });

  it('is what the upstream told where that is more, or its final count', () => {
    const { read, meter } = reader();
    assert.equal(meter.complete(STARTED, 1000), STARTED);
    read([0, delta({ type: 'text_delta', text: 'a'.repeat(30) })], [0, STOP]);
    assert.deepEqual(meter.complete(STARTED, 1000), {
      input_tokens: 40,
      output_tokens: 10,
      output_tokens_estimated: true,
    });
    assert.equal(meter.complete(STARTED, 5).output_tokens, 5);
    const told = { output_tokens: 50 };
    assert.equal(meter.complete(told, 1000), told);
    read([0, { type: 'message_delta' }]);
    assert.equal(meter.complete(STARTED, 1000), STARTED);
  });
});
