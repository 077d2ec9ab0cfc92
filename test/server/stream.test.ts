import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { setImmediate as round } from 'node:timers/promises';
import { Metadata, status } from '@grpc/grpc-js';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { StreamEvent } from '../../src/completion/reply.ts';
import {
  aborted,
  errorInfo,
  event,
  fakeCodec,
  ManualClock,
  PATHS,
  readAll,
  startRelay,
  stream,
  streamOf,
  whole,
} from './support.ts';

const START = event('message_start', { message: { id: 'msg_1' } });
const STOP = event('message_stop');

function delta(text: string): StreamEvent {
  return event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
}

test('events arrive in order and whole, with the relay info on the first and the last', async () => {
  const sent = [START, event('ping'), delta('Hel'), delta('lo'), event('brand_new'), STOP];
  await using relay = await startRelay(async (call) => {
    assert.equal(call.wantsStream, true);
    return streamOf(
      (async function* () {
        yield* sent;
      })(),
    );
  });
  const { events, error } = await readAll(stream(relay.client, 'x', new Metadata()));
  assert.equal(error, undefined);
  assert.deepEqual(
    events.map(({ type, data }) => ({ type, data })),
    sent,
  );
  assert.deepEqual(
    events.map((received) => received.relay !== undefined),
    [true, false, false, false, false, true],
  );
});

test('an event that the encoder holds back is no message, and the info waits for the first that is', async () => {
  await using relay = await startRelay(async () =>
    streamOf(
      (async function* () {
        yield event('held');
        yield* [START, STOP];
      })(),
    ),
  );
  const { events } = await readAll(stream(relay.client, 'x', new Metadata()));
  assert.deepEqual(
    events.map(({ type, relay: info }) => [type, info !== undefined]),
    [
      ['message_start', true],
      ['message_stop', true],
    ],
  );
});

test('a whole answer is replayed to a streaming caller', async () => {
  const message =
    '{"id":"msg_1","type":"message","content":[{"type":"text","text":"Hello"}],"usage":{"output_tokens":1}}';
  await using relay = await startRelay(async () => whole(message));
  const { events } = await readAll(stream(relay.client, 'x', new Metadata()));
  assert.equal(events[0]?.type, 'message_start');
  assert.equal(events.at(-1)?.type, 'message_stop');
  assert.ok(events.some(({ data }) => data.includes('Hello')));
});

test('a stream that breaks after content tells how much was delivered', async () => {
  await using relay = await startRelay(async () =>
    streamOf(
      (async function* () {
        yield* [
          START,
          event('content_block_start', { index: 0 }),
          delta('He😀'),
          event('content_block_stop', { index: 0 }),
        ];
        yield* [event('content_block_start', { index: 1 }), delta('"quoted"\n')];
        throw new RelayError('UPSTREAM_OVERLOADED', 'Overloaded.', { upstream: { type: 'overloaded_error' } });
      })(),
    ),
  );
  const { events, error } = await readAll(stream(relay.client, 'x', new Metadata()));
  assert.equal(events.length, 6);
  assert.equal(error?.code, status.UNAVAILABLE);
  const { reason, metadata } = errorInfo(error);
  assert.equal(reason, 'STREAM_INTERRUPTED');
  assert.equal(metadata['blocks'], '1');
  assert.equal(metadata['characters'], '12');
  assert.equal(metadata['upstream_error_type'], 'overloaded_error');
});

test('a stream that breaks before any content keeps its own reason', async () => {
  await using relay = await startRelay(async () =>
    streamOf(
      (async function* (): AsyncGenerator<StreamEvent> {
        yield START;
        throw new RelayError('UPSTREAM_OVERLOADED', 'Overloaded.');
      })(),
    ),
  );
  const { error } = await readAll(stream(relay.client, 'x', new Metadata()));
  assert.equal(errorInfo(error).reason, 'UPSTREAM_OVERLOADED');
});

test('a stream that just ends is not passed off as complete', async () => {
  await using relay = await startRelay(async () =>
    streamOf(
      (async function* () {
        yield START;
      })(),
    ),
  );
  const { error } = await readAll(stream(relay.client, 'x', new Metadata()));
  assert.equal(errorInfo(error).reason, 'STREAM_INTERRUPTED');
});

test('a caller that cancels ends the events and aborts the signal', { timeout: 5_000 }, async () => {
  const ended = Promise.withResolvers<Call>();
  await using relay = await startRelay(async (call) =>
    streamOf(
      (async function* (): AsyncGenerator<StreamEvent> {
        try {
          yield START;
          await aborted(call);
        } finally {
          ended.resolve(call);
        }
      })(),
    ),
  );
  const call = stream(relay.client, 'x', new Metadata());
  call.on('error', () => {});
  await once(call, 'data');
  call.cancel();
  const seen = await ended.promise;
  assert.equal(seen.signal.reason.reason, 'CANCELLED');
});

test('an edge that cannot encode an event stops the upstream', { timeout: 5_000 }, async () => {
  const ended = Promise.withResolvers<void>();
  await using relay = await startRelay(
    async () =>
      streamOf(
        (async function* () {
          try {
            for (;;) yield START;
          } finally {
            ended.resolve();
          }
        })(),
      ),
    {
      relay: {
        codec: {
          ...fakeCodec,
          createStreamEncoder: () => ({
            encode: () => {
              throw new RelayError('UPSTREAM_INVALID_TEXT', 'Half a surrogate pair came alone.');
            },
          }),
        },
      },
    },
  );
  const { error } = await readAll(stream(relay.client, 'x', new Metadata()));
  await ended.promise;
  assert.equal(error?.code, status.DATA_LOSS);
});

test('silence of fifteen seconds is bridged by pings, also before the first event', { timeout: 5_000 }, async () => {
  const clock = new ManualClock();
  const answer = Promise.withResolvers<void>();
  await using relay = await startRelay(
    async () => {
      await answer.promise;
      return streamOf(
        (async function* () {
          yield START;
          await round();
          yield STOP;
        })(),
      );
    },
    { clock },
  );
  const call = stream(relay.client, 'x', new Metadata());
  await once(relay.seen, 'call');
  clock.advance(14_999);
  clock.advance(1);
  const [ping] = await once(call, 'data');
  assert.equal(JSON.parse(ping).type, 'ping');
  assert.ok(JSON.parse(ping).relay, 'the first message carries the info');
  clock.advance(15_000);
  const [second] = await once(call, 'data');
  assert.equal(JSON.parse(second).relay, undefined);
  answer.resolve();
  const { events } = await readAll(call);
  assert.deepEqual(
    events.map(({ type, relay: info }) => [type, info !== undefined]),
    [
      ['message_start', true],
      ['message_stop', true],
    ],
  );
  assert.equal(clock.pending, 0, 'no timer outlives its stream');
});

test('small events wait for the flush interval, larger ones leave at once', { timeout: 5_000 }, async () => {
  const clock = new ManualClock();
  const next = Promise.withResolvers<void>();
  await using relay = await startRelay(
    async () =>
      streamOf(
        (async function* () {
          yield START;
          yield delta('small');
          await next.promise;
          yield delta('x'.repeat(600));
          yield STOP;
        })(),
      ),
    { clock, relay: { stream: { flushBytes: 512, flushIntervalMs: 20 } } },
  );
  const call = stream(relay.client, 'x', new Metadata());
  const received: string[] = [];
  call.on('data', (message) => received.push(JSON.parse(message).type));
  await once(relay.seen, 'call');
  for (let i = 0; i < 20; i++) await round();
  assert.deepEqual(received, []);
  clock.advance(20);
  await once(call, 'data');
  await round();
  assert.deepEqual(received, ['message_start', 'content_block_delta']);
  next.resolve();
  await once(call, 'end');
  assert.deepEqual(received.slice(2), ['content_block_delta', 'message_stop']);
  assert.equal(clock.pending, 0);
});

test('stalled readers hold the upstream back instead of filling memory', { timeout: 30_000 }, async () => {
  const READERS = 200;
  for (const size of [50, 4_000]) {
    const chunk = delta('x'.repeat(size));
    let produced = 0;
    await using relay = await startRelay(async (call) =>
      streamOf(
        (async function* () {
          while (!call.signal.aborted) {
            produced++;
            yield chunk;
          }
        })(),
      ),
    );
    const before = process.memoryUsage().rss;
    const sessions = Array.from({ length: 4 }, () => connect(`http://127.0.0.1:${relay.port}`));
    for (let i = 0; i < READERS; i++) {
      const session = sessions[i % sessions.length];
      const request = session?.request({
        ':method': 'POST',
        ':path': PATHS.CompleteStream,
        'content-type': 'application/grpc',
      });
      request?.on('error', () => {}).end(Buffer.from([0, 0, 0, 0, 1, 120]));
    }
    let last = -1;
    while (relay.server.inFlight() < READERS || produced !== last) {
      last = produced;
      for (let i = 0; i < 100; i++) await round();
    }
    const perReader = (produced * chunk.data.length) / READERS;
    assert.ok(perReader < 256 * 1024, `${perReader} bytes were made for a reader that reads nothing`);
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 150e6, `memory grew by ${grown} bytes`);
    for (const session of sessions) session.destroy();
  }
});
