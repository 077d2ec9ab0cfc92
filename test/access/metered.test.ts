import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { metered } from '../../src/access/metered.ts';
import type { Reply, Settlement, StreamEvent } from '../../src/completion/reply.ts';
import { event, fakeCall } from '../layers/fakes.ts';

const TEXT = event('content_block_delta', `,"index":0,"delta":{"type":"text_delta","text":"${'a'.repeat(30)}"}`);
const COUNTED = event('message_delta', ',"usage":{"output_tokens":7}');
const STARTED = { input_tokens: 40, output_tokens: 1 };

/** What a stream that ended like this is settled with. */
async function settlementOf(events: readonly StreamEvent[], settled: Settlement, maxTokens = 1000) {
  async function* play(): AsyncGenerator<StreamEvent> {
    yield* events;
  }
  const { promise, resolve } = Promise.withResolvers<Settlement>();
  const reply = metered({ kind: 'stream', events: play(), settled: promise }, fakeCall({ maxTokens }), () => 0);
  assert.ok(reply.kind === 'stream');
  const read: StreamEvent[] = [];
  for await (const each of reply.events) read.push(each);
  assert.deepEqual(read, events);
  resolve(settled);
  return reply.settled;
}

describe('what a stream used', () => {
  it('is estimated where it broke or was given up, and says so', async () => {
    for (const outcome of ['failed', 'abandoned'] as const) {
      assert.deepEqual((await settlementOf([TEXT, TEXT], { outcome, usage: STARTED })).usage, {
        input_tokens: 40,
        output_tokens: 20,
        output_tokens_estimated: true,
      });
    }
  });

  it('is never estimated below what the upstream told, nor above what the request allows', async () => {
    const told: Settlement = { outcome: 'failed', usage: { output_tokens: 50 } };
    assert.equal(await settlementOf([TEXT], told), told);
    assert.equal((await settlementOf([TEXT, TEXT], { outcome: 'failed', usage: STARTED }, 15)).usage.output_tokens, 15);
  });

  it('stays unknown where nothing of it was seen', async () => {
    const unknown: Settlement = { outcome: 'failed', usage: {} };
    assert.equal(await settlementOf([], unknown), unknown);
  });

  it('is what the upstream counted, where it did', async () => {
    const usage = { input_tokens: 40, output_tokens: 7 };
    for (const outcome of ['delivered', 'abandoned'] as const) {
      assert.deepEqual(await settlementOf([TEXT, COUNTED], { outcome, usage }), { outcome, usage });
    }
    const older: Settlement = { outcome: 'delivered', usage: STARTED };
    assert.equal(await settlementOf([TEXT], older), older);
  });
});

it('hands a whole answer on as it is', () => {
  const reply: Reply = { kind: 'whole', body: '{}', settled: { outcome: 'delivered', usage: {} } };
  assert.equal(
    metered(reply, fakeCall(), () => 0),
    reply,
  );
});
