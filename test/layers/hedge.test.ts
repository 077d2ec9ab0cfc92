import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Call } from '../../src/completion/call.ts';
import type { Reply } from '../../src/completion/reply.ts';
import type { RoutedCall } from '../../src/endpoints/attempt.ts';
import { type HedgeOptions, hedge } from '../../src/layers/hedge.ts';
import { RollingQuantile } from '../../src/layers/quantile.ts';
import { RetryBudget } from '../../src/layers/retry-budget.ts';
import { answer, DELIVERED, FakeClock, fakeCall, turn, unavailable } from '../endpoints/fakes.ts';

interface Attempt {
  readonly call: RoutedCall;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** A hedge over attempts that end when told, and reject when they are aborted. */
function setUp(t: TestContext, options: Partial<HedgeOptions> = {}) {
  const clock = new FakeClock(t.mock.timers);
  const attempts: Attempt[] = [];
  let hedges = 0;
  const service = hedge({
    after: { milliseconds: 1000 },
    budget: new RetryBudget(0.2, clock),
    elsewhere: () => true,
    hedged: () => hedges++,
    clock,
    ...options,
  })((call: RoutedCall) => {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    attempts.push({ call, resolve, reject });
    call.signal.addEventListener('abort', () => reject(call.signal.reason));
    return promise;
  });
  return { clock, attempts, service, hedges: () => hedges };
}

function attemptAt(attempts: readonly Attempt[], index: number): Attempt {
  const attempt = attempts[index];
  assert.ok(attempt !== undefined, `attempt ${index} was not made`);
  return attempt;
}

test('a quick answer is asked for once', async (t) => {
  const { clock, attempts, service, hedges } = setUp(t);
  const reply = service(fakeCall());
  await clock.pass(999);
  attemptAt(attempts, 0).resolve(answer());
  await reply;
  await clock.pass(10_000);
  assert.equal(attempts.length, 1);
  assert.equal(hedges(), 0);
});

test('a slow one is asked for elsewhere, the first to open wins, and the other is aborted', async (t) => {
  const { clock, attempts, service, hedges } = setUp(t);
  const call = fakeCall();
  const reply = service(call);
  await clock.pass(1000);
  const [first, second] = [attemptAt(attempts, 0), attemptAt(attempts, 1)];
  assert.equal(second.call.elsewhereOnly, true);
  second.call.trace.account = 'second';
  const answered = answer();
  second.resolve(answered);
  assert.equal((await reply).head, answered.head);
  assert.equal(first.call.signal.aborted, true);
  assert.equal(second.call.signal.aborted, false);
  assert.equal(call.trace.account, 'second');
  assert.equal(hedges(), 1);
});

test('what the loser used is counted with the winner', async (t) => {
  const { clock, attempts, service } = setUp(t);
  const reply = service(fakeCall());
  await clock.pass(1000);
  attemptAt(attempts, 1).resolve(answer());
  attemptAt(attempts, 0).resolve(answer({ outcome: 'abandoned', usage: { input_tokens: 7 } }));
  const { usage, outcome } = await (await reply).settled;
  assert.equal(outcome, 'delivered');
  assert.deepEqual(usage, { input_tokens: 17, output_tokens: 10 });
});

test('a stream that opens too late is ended', async (t) => {
  const { clock, attempts, service } = setUp(t);
  const reply = service(fakeCall());
  await clock.pass(1000);
  attemptAt(attempts, 1).resolve(answer());
  let ended = false;
  const events = {
    async next() {
      return { done: true as const, value: undefined };
    },
    async return() {
      ended = true;
      return { done: true as const, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  attemptAt(attempts, 0).resolve({ kind: 'stream', events, settled: Promise.resolve(DELIVERED) });
  await (await reply).settled;
  assert.equal(ended, true);
});

test('a failure before the delay is told at once', async (t) => {
  const { attempts, service } = setUp(t);
  const failure = unavailable();
  const rejected = assert.rejects(service(fakeCall()), failure);
  await turn();
  attemptAt(attempts, 0).reject(failure);
  await rejected;
  assert.equal(attempts.length, 1);
});

test('when one fails the other may still answer, and when both do the first one tells', async (t) => {
  const { clock, attempts, service } = setUp(t);
  const served = service(fakeCall());
  await clock.pass(1000);
  attemptAt(attempts, 0).reject(unavailable());
  await turn();
  attemptAt(attempts, 1).resolve(answer());
  await served;
  const failure = unavailable();
  const rejected = assert.rejects(service(fakeCall()), failure);
  await clock.pass(1000);
  attemptAt(attempts, 3).reject(unavailable());
  attemptAt(attempts, 2).reject(failure);
  await rejected;
});

test('without another endpoint or a budget the first is waited for', async (t) => {
  for (const options of [{ elsewhere: () => false }, { budget: new RetryBudget(0, { now: () => 0 } as FakeClock) }]) {
    const { clock, attempts, service } = setUp(t, options);
    const reply = service(fakeCall());
    await clock.pass(5000);
    attemptAt(attempts, 0).resolve(answer());
    await reply;
    assert.equal(attempts.length, 1);
    t.mock.timers.reset();
  }
});

test('a caller who goes away aborts both', async (t) => {
  const { clock, attempts, service } = setUp(t);
  const controller = new AbortController();
  const call: Call = fakeCall({ signal: controller.signal });
  const rejected = assert.rejects(service(call), unavailable());
  await clock.pass(1000);
  controller.abort(unavailable());
  await rejected;
  assert.ok(attempts.every((attempt) => attempt.call.signal.aborted));
  assert.equal(attempts.length, 2);
});

test('a caller who goes away sees at once what was done for him', async (t) => {
  const { attempts, service } = setUp(t);
  const controller = new AbortController();
  const call: Call = fakeCall({ signal: controller.signal });
  const rejected = assert.rejects(service(call), unavailable());
  const [first] = attempts;
  assert.ok(first);
  first.call.trace.account = 'slow';
  first.call.trace.upstreamTime = 700;
  controller.abort(unavailable());
  assert.deepEqual([call.trace.account, call.trace.upstreamTime], ['slow', 700]);
  await rejected;
});

test('the delay can be a quantile of what calls took lately', async (t) => {
  const { clock, attempts, service } = setUp(t, { after: { quantile: 0.95 } });
  for (let call = 0; call < 32; call++) {
    const reply = service(fakeCall());
    await clock.pass(100);
    attempts.at(-1)?.resolve(answer());
    await reply;
  }
  assert.equal(attempts.length, 32);
  const reply = service(fakeCall());
  await clock.pass(101);
  assert.equal(attempts.length, 34);
  attempts.at(-1)?.resolve(answer());
  await reply;
});

test('a rolling quantile knows nothing at first, and then the tail', () => {
  const quantile = new RollingQuantile(0.95);
  for (let value = 1; value < 32; value++) quantile.observe(value);
  assert.equal(quantile.value, undefined);
  for (let value = 32; value <= 320; value++) quantile.observe(value);
  assert.equal(quantile.value, 308);
});
