import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { RelayError } from '../../src/completion/errors.ts';
import type { Settlement } from '../../src/completion/reply.ts';
import { EventStream } from '../../src/providers/event-stream.ts';
import { errorOf, readAll } from './calls.ts';
import { delta, START, STOP } from './upstream.ts';

const STALL_MS = 1_000;

/** A stream without a connection: what it does to one, and how it settles, is noted. */
function streamWith({ maxBytes = 1_000_000 } = {}) {
  const flow: string[] = [];
  const settlements: Settlement[] = [];
  const stream = new EventStream({
    flow: {
      pause: () => flow.push('pause'),
      resume: () => flow.push('resume'),
      stop: () => flow.push('stop'),
    },
    maxBytes,
    stallMs: STALL_MS,
    now: () => 0,
    maxTokens: 1_000,
    explain: (cause) => new RelayError('STREAM_INTERRUPTED', String(cause)),
    tooLarge: () => new RelayError('RESPONSE_TOO_LARGE', 'too large'),
    settle: (settlement) => settlements.push(settlement),
  });
  const write = (text: string) => stream.write(Buffer.from(text));
  return { stream, flow, settlements, write };
}

const cancelled = new RelayError('CANCELLED', 'The caller went away.');

/** Written this often, what waits is above the bound of the queue. */
const LONG = delta('x'.repeat(9_000)).repeat(5);

function mockTimers(test: TestContext) {
  test.mock.timers.enable({ apis: ['setTimeout'] });
  return test.mock.timers;
}

describe('EventStream', () => {
  it('hands on events as they come to a reader that waits, in order', async () => {
    const { stream, write } = streamWith();
    const [first, second] = [stream.next(), stream.next()];
    write(START + delta('a'));
    assert.equal((await first).value?.type, 'message_start');
    assert.equal((await second).value?.type, 'content_block_delta');
  });

  it('is delivered once the last event is taken, and not before', async () => {
    const { stream, write, settlements } = streamWith();
    write(START + STOP);
    await stream.next();
    assert.equal(settlements.length, 0);
    await stream.next();
    assert.deepEqual(settlements, [{ outcome: 'delivered', usage: { input_tokens: 7, output_tokens: 1 } }]);
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    stream.end();
    await stream.return();
    stream.cancel(cancelled);
    assert.equal(settlements.length, 1);
  });

  it('delivers what waits before the error that broke the stream, and the error once', async () => {
    const { stream, write, settlements } = streamWith();
    write(START + delta('a'));
    stream.fail(new Error('reset'));
    assert.equal(settlements[0]?.outcome, 'failed');
    const { events, error } = await readAll(stream);
    assert.equal(events.length, 2);
    assert.equal(error?.reason, 'STREAM_INTERRUPTED');
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
  });

  it('rejects a waiting reader when the call is given up, and keeps nothing back for it', async () => {
    const { stream, write, settlements, flow } = streamWith();
    write(START);
    await stream.next();
    const waiting = errorOf(stream.next());
    stream.cancel(cancelled);
    assert.deepEqual(flow, ['stop']);
    assert.deepEqual(settlements, [
      { outcome: 'abandoned', error: cancelled, usage: { input_tokens: 7, output_tokens: 1 } },
    ]);
    assert.equal(await waiting, cancelled);
  });

  it('ends at once when the call is given up, whatever waits', async () => {
    const { stream, write } = streamWith();
    write(START + delta('a'));
    stream.cancel(cancelled);
    assert.equal(await errorOf(stream.next()), cancelled);
    assert.equal((await stream.next()).done, true);
  });

  it('speaks against the upstream when it is given up for the upstream', () => {
    const { stream, settlements } = streamWith();
    stream.cancel(new RelayError('UPSTREAM_UNAVAILABLE', 'No first byte in time.'));
    assert.equal(settlements[0]?.outcome, 'failed');
  });

  it('stops the upstream when the reader leaves, and tells what was used', async () => {
    const { stream, write, flow, settlements } = streamWith();
    write(START);
    for await (const event of stream) {
      assert.equal(event.type, 'message_start');
      break;
    }
    assert.deepEqual(flow, ['stop']);
    assert.deepEqual(settlements, [{ outcome: 'abandoned', usage: { input_tokens: 7, output_tokens: 1 } }]);
    assert.equal((await stream.next()).done, true);
  });

  it('counts a reader that leaves before the last event as gone, but leaves the upstream that has finished alone', async () => {
    const { stream, write, flow, settlements } = streamWith();
    write(START + STOP);
    await stream.next();
    await stream.return();
    assert.deepEqual(flow, []);
    assert.equal(settlements[0]?.outcome, 'abandoned');
  });

  it('leaves an upstream that goes on after message_stop', async () => {
    const { stream, write, flow } = streamWith();
    write(START + STOP);
    write('\n\n');
    assert.deepEqual(flow, []);
    write(delta('x'.repeat(2_000)));
    assert.deepEqual(flow, ['stop']);
    const { events, error } = await readAll(stream);
    assert.deepEqual([events.length, error], [2, undefined]);
  });

  it('releases a reader that waits when another leaves', async () => {
    const { stream } = streamWith();
    const waiting = stream.next();
    await stream.return();
    assert.equal((await waiting).done, true);
  });

  it('pauses the connection while too much waits, and resumes when most of it is read', async () => {
    const { stream, write, flow } = streamWith();
    write(START);
    assert.deepEqual(flow, []);
    write(LONG);
    write(delta('more'));
    assert.deepEqual(flow, ['pause']);
    for (let taken = 0; taken < 6; taken++) await stream.next();
    assert.deepEqual(flow, ['pause', 'resume']);
    await stream.return();
  });

  it('lets a connection that is paused finish when the answer is complete', async () => {
    const { stream, write, flow } = streamWith();
    write(START + LONG);
    write(STOP);
    assert.deepEqual(flow, ['pause', 'resume']);
    assert.equal((await readAll(stream)).events.length, 7);
  });

  it('gives up a stream that nobody reads for too long', async (test) => {
    const timers = mockTimers(test);
    const { stream, write, flow, settlements } = streamWith();
    write(START + LONG);
    await stream.next();
    timers.tick(STALL_MS);
    assert.equal(settlements.length, 0, 'somebody has read meanwhile');
    timers.tick(STALL_MS);
    assert.equal(settlements[0]?.outcome, 'abandoned');
    assert.deepEqual(flow, ['pause', 'stop']);
    assert.equal((await errorOf(stream.next())).reason, 'CANCELLED');
  });

  it('lets a reader that waits for the upstream wait', (test) => {
    const timers = mockTimers(test);
    const { stream, write, settlements } = streamWith();
    write(START);
    void stream.next();
    void stream.next();
    timers.tick(STALL_MS * 10);
    assert.equal(settlements.length, 0);
  });

  it('delivers what came within the bound, then stops', async () => {
    const { stream, write, flow } = streamWith({ maxBytes: START.length + 3 });
    write(START + delta('a'));
    const { events, error } = await readAll(stream);
    assert.equal(events.length, 1);
    assert.equal(error?.reason, 'RESPONSE_TOO_LARGE');
    assert.deepEqual(flow, ['stop']);
  });

  it('takes a stream of exactly the bound', async () => {
    const { stream, write } = streamWith({ maxBytes: START.length + STOP.length });
    write(START);
    write(STOP);
    assert.equal((await readAll(stream)).error, undefined);
  });
});
