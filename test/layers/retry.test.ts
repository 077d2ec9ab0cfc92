import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply } from '../../src/completion/reply.ts';
import type { RoutedCall } from '../../src/endpoints/attempt.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { backoffMs } from '../../src/layers/backoff.ts';
import { retry } from '../../src/layers/retry.ts';
import { RetryBudget } from '../../src/layers/retry-budget.ts';
import { answer, FakeClock, fakeCall, overloaded, rateLimited, refused, unavailable } from '../endpoints/fakes.ts';

const DELAYS = { minDelayMs: 100, baseDelayMs: 500, maxDelayMs: 5000 };

interface Options {
  readonly elsewhere?: boolean;
  readonly maxAttempts?: number;
  readonly ratio?: number;
  /** Whether the endpoint that failed would still be sent calls. */
  readonly ready?: boolean;
}

/** A retry layer over outcomes: each attempt takes the next, and the last one stays. */
function setUp(t: TestContext, outcomes: readonly (RelayError | Reply)[], options: Options = {}) {
  const clock = new FakeClock(t.mock.timers);
  const sentAt: number[] = [];
  const reasons: string[] = [];
  const service = retry({
    ...DELAYS,
    maxAttempts: options.maxAttempts ?? 4,
    maxWaitMs: 30_000,
    budget: new RetryBudget(options.ratio ?? 0.2, clock),
    elsewhere: () => options.elsewhere ?? false,
    retried: (reason) => reasons.push(reason),
    clock,
  })(async (call: RoutedCall) => {
    const outcome = outcomes[Math.min(sentAt.length, outcomes.length - 1)];
    sentAt.push(clock.now());
    // Stands for an endpoint, of which retry only counts how many were sent the call.
    call.attempts?.tried.push({ ready: options.ready ?? true } as Endpoint);
    if (outcome instanceof RelayError || outcome === undefined) throw outcome;
    return outcome;
  });
  return { clock, sentAt, reasons, service };
}

test('a failure is retried at once where another endpoint is free', async (t) => {
  const { service, sentAt, reasons } = setUp(t, [unavailable(), answer()], { elsewhere: true });
  await service(fakeCall());
  assert.deepEqual(sentAt, [0, 0]);
  assert.deepEqual(reasons, ['UPSTREAM_UNAVAILABLE']);
});

test('the same endpoint is tried again after a random delay within its bounds', async (t) => {
  const { service, sentAt, clock } = setUp(t, [unavailable(), answer()]);
  const reply = service(fakeCall());
  await clock.pass(99);
  assert.equal(sentAt.length, 1);
  await clock.pass(401);
  assert.equal(sentAt.length, 2);
  await reply;
});

test('delays lie between the least and the doubled base, and never above the greatest', () => {
  assert.equal(backoffMs(DELAYS, 0, 0), 100);
  assert.equal(backoffMs(DELAYS, 0, 1), 500);
  assert.equal(backoffMs(DELAYS, 2, 1), 2000);
  assert.equal(backoffMs(DELAYS, 10, 1), 5000);
  assert.equal(backoffMs({ ...DELAYS, baseDelayMs: 50 }, 0, 0.5), 100);
});

test('the delay that the upstream asks for comes first', async (t) => {
  const { service, sentAt, clock } = setUp(t, [unavailable({ retryAfter: 13_000 }), answer()]);
  const reply = service(fakeCall());
  await clock.pass(12_999);
  assert.equal(sentAt.length, 1);
  await clock.pass(1);
  assert.equal(sentAt.length, 2);
  await reply;
});

test('no attempt is made that would begin after the deadline', async (t) => {
  const failure = unavailable({ retryAfter: 13_000 });
  const { service, sentAt } = setUp(t, [failure, answer()]);
  await assert.rejects(service(fakeCall({ deadline: 13_000 })), failure);
  assert.equal(sentAt.length, 1);
});

test('what the pool sets aside is left to the pool, without a delay here', async (t) => {
  const { service, sentAt } = setUp(t, [rateLimited(60_000), refused(), answer()]);
  await service(fakeCall());
  assert.deepEqual(sentAt, [0, 0, 0]);
});

test('the number of attempts is bounded, and the last failure is told', async (t) => {
  const failure = unavailable();
  const { service, sentAt } = setUp(t, [unavailable(), unavailable(), unavailable(), failure], { elsewhere: true });
  await assert.rejects(service(fakeCall()), failure);
  assert.equal(sentAt.length, 4);
});

test('what another attempt cannot cure is not retried', async (t) => {
  for (const failure of [
    new RelayError('INVALID_REQUEST', 'bad'),
    unavailable({ retryable: false, upstream: { status: 529, shouldRetry: false } }),
  ]) {
    const { service, sentAt } = setUp(t, [failure], { elsewhere: true });
    await assert.rejects(service(fakeCall()), failure);
    assert.equal(sentAt.length, 1);
    t.mock.timers.reset();
  }
});

test('an error that the upstream wants retried is, whatever its reason', async (t) => {
  const conflict = new RelayError('INVALID_REQUEST', 'again', { retryable: true });
  const { service, sentAt, clock } = setUp(t, [conflict, answer()]);
  const reply = service(fakeCall());
  await clock.pass(500);
  await reply;
  assert.equal(sentAt.length, 2);
});

test('an answer that was begun is never begun again', async (t) => {
  const broken = answer({ outcome: 'failed', error: unavailable(), usage: {} });
  const { service, sentAt } = setUp(t, [broken]);
  assert.equal(await service(fakeCall()), broken);
  assert.equal(sentAt.length, 1);
});

test('a caller who goes away while it waits leaves at once', async (t) => {
  const { service, clock } = setUp(t, [unavailable({ retryAfter: 20_000 })]);
  const controller = new AbortController();
  const reply = service(fakeCall({ signal: controller.signal }));
  const gone = new RelayError('CANCELLED', 'gone');
  const rejected = assert.rejects(reply, gone);
  await clock.pass(1);
  controller.abort(gone);
  await rejected;
});

test('retries are paid from a fifth of the traffic and a small reserve', async (t) => {
  const { service, sentAt } = setUp(t, [unavailable()], { elsewhere: true });
  for (let call = 0; call < 1000; call++) await assert.rejects(service(fakeCall()));
  const retries = sentAt.length - 1000;
  assert.ok(retries >= 195 && retries <= 210, `${retries} retries for 1000 calls`);
});

test('only attempts that went upstream are counted', async (t) => {
  const clock = new FakeClock(t.mock.timers);
  const nobody = unavailable({ retryable: false });
  const reasons: string[] = [];
  let asked = 0;
  const service = retry({
    ...DELAYS,
    maxAttempts: 4,
    maxWaitMs: 30_000,
    budget: new RetryBudget(0.2, clock),
    elsewhere: () => true,
    retried: (reason) => reasons.push(reason),
    clock,
  })(async (call: RoutedCall) => {
    asked++;
    if (asked === 3) throw nobody;
    call.attempts?.tried.push({ ready: true } as Endpoint);
    throw asked === 1 ? refused() : overloaded();
  });
  await assert.rejects(service(fakeCall()), { reason: 'UPSTREAM_OVERLOADED' });
  assert.equal(asked, 3);
  assert.deepEqual(reasons, ['UPSTREAM_CREDENTIALS']);
});

test('what the pool has set aside is left without paying, however many calls were under way there', async (t) => {
  for (const [failure, ready] of [
    [rateLimited(60_000), true],
    [refused(), true],
    [overloaded(), true],
    [unavailable(), false],
  ] as const) {
    const outcomes = Array.from({ length: 1000 }, () => [failure, answer()]).flat();
    const { service, sentAt } = setUp(t, outcomes, { elsewhere: true, ready });
    for (let call = 0; call < 1000; call++) await service(fakeCall());
    assert.equal(sentAt.length, 2000);
    t.mock.timers.reset();
  }
});

test('a model that is overloaded everywhere is given time, and asked again only as far as the budget goes', async (t) => {
  const { service, sentAt, clock } = setUp(t, [overloaded()]);
  const calls = Array.from({ length: 1000 }, () => assert.rejects(service(fakeCall())));
  await clock.pass(99);
  assert.equal(sentAt.length, 1000);
  for (let round = 0; round < 5; round++) await clock.pass(2_000);
  await Promise.all(calls);
  const retries = sentAt.length - 1000;
  assert.ok(retries >= 195 && retries <= 210, `${retries} retries for 1000 calls`);
});

test('a ratio of 0 turns retries off', async (t) => {
  for (const [failure, ready] of [
    [unavailable(), true],
    [unavailable(), false],
    [refused(), true],
  ] as const) {
    const { service, sentAt } = setUp(t, [failure, answer()], { elsewhere: true, ratio: 0, ready });
    await assert.rejects(service(fakeCall()));
    assert.equal(sentAt.length, 1);
    t.mock.timers.reset();
  }
});

test('what traffic brought in is gone after ten seconds', async (t) => {
  const clock = new FakeClock(t.mock.timers);
  const budget = new RetryBudget(0.2, clock);
  for (let call = 0; call < 1000; call++) budget.deposit();
  await clock.pass(11_000);
  let retries = 0;
  while (budget.withdraw()) retries++;
  assert.equal(retries, 10);
});

test('an upstream that asks for a longer wait than calls have is not waited for: its caller is told', async (t) => {
  const failure = unavailable({ retryAfter: 30_001 });
  const { service, sentAt } = setUp(t, [failure]);
  await assert.rejects(service(fakeCall()), failure);
  assert.deepEqual(sentAt, [0]);
});
