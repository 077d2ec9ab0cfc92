import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { callOf, streamOf } from './calls.ts';
import { delta, providerFor, START, STOP, STREAM_HEADERS, upstream } from './upstream.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

it('holds no more of a stream the longer its reader is slow', async (test) => {
  const event = delta('x'.repeat(20));
  const events = 50_000;
  const server = await upstream(test, (response) => {
    response.writeHead(200, STREAM_HEADERS).write(START);
    let left = events;
    const pour = (): void => {
      // Each event is an HTTP chunk of its own, as the API sends them.
      while (left > 0) {
        left--;
        if (response.write(event)) continue;
        response.once('drain', pour);
        return;
      }
      response.end(STOP);
    };
    pour();
  });
  const reply = streamOf(await providerFor(test, server.url).send(callOf({ wantsStream: true })));
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  let read = 0;
  for await (const _event of reply.events) {
    // Time enough for the socket to bring more.
    if (++read % 100 === 0) await wait(1);
    if (read % 2_000 !== 0) continue;
    collect();
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  assert.equal(read, events + 2);
  test.diagnostic(`${most} bytes at most`);
  assert.ok(most < 1_500_000, `${most} bytes were held`);
});
