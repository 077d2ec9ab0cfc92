import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RelayError } from '../../src/completion/errors.ts';
import type { Reply, StreamEvent } from '../../src/completion/reply.ts';
import { gate } from '../../src/layers/gate.ts';
import {
  answer,
  CONTENT,
  DELIVERED,
  FakeClock,
  fakeCall,
  PING,
  START,
  STOP,
  stream,
  turn,
  unavailable,
} from '../endpoints/fakes.ts';

const MESSAGE_START: StreamEvent = { type: 'message_start', data: '{"type":"message_start","message":{"id":"m"}}' };
/** Content that opens no block. */
const DELTA: StreamEvent = { type: 'message_delta', data: '{"type":"message_delta","delta":{}}' };

function send(t: TestContext, reply: Reply) {
  const clock = new FakeClock(t.mock.timers);
  return { clock, passed: gate({ maxWaitMs: 5000, clock })(async () => reply)(fakeCall()) };
}

async function read(reply: Reply): Promise<StreamEvent[]> {
  assert.equal(reply.kind, 'stream');
  const events: StreamEvent[] = [];
  if (reply.kind === 'stream') for await (const event of reply.events) events.push(event);
  return events;
}

test('all that was held is handed on in order, and then the rest', async (t) => {
  const events = [START, PING, PING, CONTENT, STOP];
  const { passed } = send(t, stream(events));
  assert.deepEqual(await read(await passed), events);
});

test('an error at the head of a stream rejects as any failure does', async (t) => {
  const failure = unavailable();
  const { passed } = send(t, stream([START, PING], failure));
  await assert.rejects(passed, failure);
});

test('an end before any content rejects', async (t) => {
  const { passed } = send(t, stream([START, PING]));
  await assert.rejects(passed, (error: RelayError) => error.reason === 'STREAM_INTERRUPTED' && error.retryable);
});

test('an error after the first content reaches the reader behind it', async (t) => {
  const failure = unavailable();
  const { passed } = send(t, stream([START, CONTENT], failure));
  const reply = await passed;
  await assert.rejects(read(reply), failure);
});

test('for a caller who wants no stream an error after the first content rejects too', async (t) => {
  const failure = unavailable();
  const clock = new FakeClock(t.mock.timers);
  const source = stream([MESSAGE_START, DELTA], failure);
  const passed = gate({ maxWaitMs: 5000, clock })(async () => source)(fakeCall({ wantsStream: false }));
  await assert.rejects(passed, failure);
});

test('a caller who wants no stream gets the whole answer, however long it takes', async (t) => {
  const clock = new FakeClock(t.mock.timers);
  const { promise: slow, resolve } = Promise.withResolvers<void>();
  async function* play(): AsyncGenerator<StreamEvent> {
    yield MESSAGE_START;
    await slow;
    yield STOP;
  }
  const source: Reply = { kind: 'stream', events: play(), settled: Promise.resolve(DELIVERED) };
  const passed = gate({ maxWaitMs: 5000, clock })(async () => source)(fakeCall({ wantsStream: false }));
  await clock.pass(60_000);
  resolve();
  const reply = await passed;
  assert.equal(reply.kind === 'whole' && reply.body, '{"id":"m","content":[]}');
  assert.deepEqual(await reply.settled, DELIVERED);
});

test('an answer without content blocks passes with its end', async (t) => {
  const events = [START, { type: 'message_delta', data: '{}' }, STOP];
  const { passed } = send(t, stream(events));
  assert.deepEqual(await read(await passed), events);
});

test('after a bounded wait the stream is handed on without content', async (t) => {
  const late = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<StreamEvent> {
    yield START;
    await late.promise;
    yield CONTENT;
  }
  const { clock, passed } = send(t, { kind: 'stream', events: slow(), settled: Promise.resolve(DELIVERED) });
  let opened = false;
  void passed.then(() => {
    opened = true;
  });
  await clock.pass(4999);
  assert.equal(opened, false);
  await clock.pass(1);
  assert.equal(opened, true);
  late.resolve();
  assert.deepEqual(await read(await passed), [START, CONTENT]);
});

test('a reader who leaves before the first event ends the upstream stream', async (t) => {
  let ended = false;
  async function* source(): AsyncGenerator<StreamEvent> {
    try {
      yield START;
      yield CONTENT;
      yield STOP;
    } finally {
      ended = true;
    }
  }
  const { passed } = send(t, { kind: 'stream', events: source(), settled: Promise.resolve(DELIVERED) });
  const reply = await passed;
  assert.ok(reply.kind === 'stream');
  await reply.events[Symbol.asyncIterator]().return?.();
  await turn();
  assert.equal(ended, true);
});

test('a whole answer passes as it is', async (t) => {
  const reply = answer();
  assert.equal(await send(t, reply).passed, reply);
});
