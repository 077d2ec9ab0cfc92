import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import type { RelayError } from '../../src/completion/errors.ts';
import { Intake } from '../../src/server/intake.ts';
import { ManualClock } from './support.ts';

/** A stream on which bytes come when told. */
class FakeStream extends EventEmitter {
  come(bytes: number): void {
    this.emit('data', Buffer.alloc(bytes));
  }

  get asStream(): ServerHttp2Stream {
    return this as unknown as ServerHttp2Stream;
  }
}

function intake(clock = new ManualClock()) {
  const ended: string[] = [];
  const watcher = new Intake({ maxBytes: 100, timeoutMs: 1_000, clock });
  const begin = (name: string) => {
    const stream = new FakeStream();
    const end = (error: RelayError): void => {
      ended.push(`${name}: ${error.reason}`);
      stop();
    };
    const stop = watcher.watch(stream.asStream, end);
    return { stream, stop };
  };
  return { begin, ended, clock, watcher };
}

test('the request that has been arriving longest is ended when all hold too much, and then there is room', () => {
  const { begin, ended } = intake();
  const [first, second, third] = [begin('first'), begin('second'), begin('third')];
  second.stream.come(50);
  first.stream.come(50);
  assert.deepEqual(ended, []);
  third.stream.come(1);
  assert.deepEqual(ended, ['first: DEADLINE_EXCEEDED']);
  third.stream.come(49);
  assert.deepEqual(ended, ['first: DEADLINE_EXCEEDED']);
  first.stream.come(1000);
  assert.equal(ended.length, 1, 'who was ended counts no more');
});

test('several are ended where one is not enough, at last the one that grows', () => {
  const { begin, ended } = intake();
  begin('first');
  begin('second').stream.come(10);
  begin('third').stream.come(200);
  assert.deepEqual(ended, ['first: DEADLINE_EXCEEDED', 'second: DEADLINE_EXCEEDED', 'third: DEADLINE_EXCEEDED']);
});

test('a request that has arrived holds nothing any more, and no timer', () => {
  const { begin, ended, clock } = intake();
  for (let times = 0; times < 10; times += 1) {
    const { stream, stop } = begin('honest');
    stream.come(90);
    stop();
    stop();
    assert.equal(stream.listenerCount('data'), 0);
  }
  assert.equal(clock.pending, 0);
  clock.advance(10_000);
  assert.deepEqual(ended, []);
});

test('a request that does not arrive in its time is ended', () => {
  const { begin, ended, clock } = intake();
  begin('slow');
  clock.advance(999);
  assert.deepEqual(ended, []);
  clock.advance(1);
  assert.deepEqual(ended, ['slow: DEADLINE_EXCEEDED']);
});

test('a stream on which requests may come at any time has no time, and counts all the same', () => {
  const { begin, ended, clock, watcher } = intake();
  const stream = new FakeStream();
  const leave = watcher.watchBytes(stream.asStream, ({ reason }) => ended.push(`open: ${reason}`));
  clock.advance(3_600_000);
  stream.come(60);
  begin('other').stream.come(60);
  assert.deepEqual(ended, ['open: DEADLINE_EXCEEDED']);
  leave();
});
