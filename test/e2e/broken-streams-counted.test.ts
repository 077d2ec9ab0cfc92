/** Streams that break or are given up: what the upstream wrote until then is charged, so that it is counted. */
import assert from 'node:assert/strict';
import { finished } from 'node:stream/promises';
import { test } from 'node:test';
import { credentials, Metadata } from '@grpc/grpc-js';
import { priceOf } from '../../src/completion/price.ts';
import { RelayClient } from '../../src/cli/relay-client.ts';
import { delta, sse, STREAM_HEADERS } from '../providers/upstream.ts';
import { BLOCK, startUpstream } from './core-upstream.ts';
import { account, ask, startPooled } from './relay.ts';

const MODEL = 'claude-opus-5';
const STARTED = { input_tokens: 20, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
const START = sse('message_start', {
  message: { id: 'msg_1', type: 'message', role: 'assistant', content: [], model: MODEL, usage: STARTED },
});
const LATER = new Date(Date.now() + 60_000);
/** Together 565 characters, of three a token by the estimate. */
const PIECES = ['a'.repeat(500), 'b'.repeat(65)];
const USED = { ...STARTED, output_tokens: Math.ceil(565 / 3) };

for (const [how, isCut] of [
  ['that the upstream cuts', true],
  ['whose caller goes away', false],
] as const) {
  test(`a stream ${how} is counted alike in metrics, cost and log, by what had come`, async () => {
    await using upstream = await startUpstream((response) => {
      response.writeHead(200, STREAM_HEADERS);
      response.write(START + BLOCK + PIECES.map((piece) => delta(piece)).join(''), () => {
        if (isCut) response.destroy();
      });
    });
    await using relay = await startPooled({ accounts: [account('only', { us: upstream })] });
    const client = new RelayClient(relay.relay.address, credentials.createInsecure());
    const stream = client.stream('CompleteStream', ask({ model: MODEL, max_tokens: 1000 }), new Metadata(), LATER);
    let pieces = 0;
    stream.on('data', (event: object) => {
      if (Object.hasOwn(event, 'content_block_delta')) pieces++;
      if (pieces === PIECES.length && !isCut) stream.cancel();
    });
    await assert.rejects(finished(stream));
    client.close();

    const line = await relay.logged('call');
    assert.deepEqual(
      [line['status'], line['usage']],
      [isCut ? 'UNAVAILABLE' : 'CANCELLED', { ...USED, output_tokens_estimated: true }],
    );
    assert.equal(await relay.metric('claude_relay_tokens_total', { model: MODEL, kind: 'output' }), USED.output_tokens);
    assert.equal(
      await relay.metric('claude_relay_cost_usd_total', { model: MODEL }),
      priceOf(MODEL, USED, { at: Date.now() }),
    );
  });
}
