import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Breaker, type BreakerOptions } from '../../src/endpoints/breaker.ts';
import { BREAKER, FakeClock, turn, unavailable } from './fakes.ts';

function setUp(t: TestContext, options: Partial<BreakerOptions> = {}) {
  const clock = new FakeClock(t.mock.timers);
  const states: string[] = [];
  const breaker = new Breaker({ ...BREAKER, ...options }, clock, (state) => states.push(state));
  return { clock, breaker, states };
}

function fail(breaker: Breaker, times: number): void {
  for (let time = 0; time < times; time++) breaker.failed(breaker.begin(), unavailable());
}

async function succeed(breaker: Breaker, times: number): Promise<void> {
  for (let time = 0; time < times; time++) breaker.succeeded(breaker.begin());
  await turn();
}

/** Opens the breaker and lets its open time pass. */
async function toHalfOpen(clock: FakeClock, breaker: Breaker): Promise<void> {
  fail(breaker, 5);
  await clock.pass(breaker.openFor + 1);
  assert.equal(breaker.state, 'half-open');
}

test('it stays closed below the minimum of requests and opens at it', (t) => {
  const { breaker } = setUp(t);
  fail(breaker, 4);
  assert.equal(breaker.state, 'closed');
  fail(breaker, 1);
  assert.equal(breaker.state, 'open');
  assert.equal(breaker.admits, false);
});

test('a share of failures that reaches the threshold opens it', async (t) => {
  const { breaker } = setUp(t);
  await succeed(breaker, 5);
  fail(breaker, 4);
  assert.equal(breaker.state, 'closed');
  fail(breaker, 1);
  assert.equal(breaker.state, 'open');
});

test('a threshold of 100 percent can be reached', (t) => {
  const { breaker } = setUp(t, { errorThresholdPercent: 100 });
  fail(breaker, 5);
  assert.equal(breaker.state, 'open');
});

test('failures older than the window are forgotten', async (t) => {
  const { clock, breaker } = setUp(t);
  fail(breaker, 4);
  await clock.pass(11_000);
  fail(breaker, 4);
  assert.equal(breaker.state, 'closed');
});

test('189 failures in a row open it, and only once', (t) => {
  const { breaker, states } = setUp(t);
  fail(breaker, 189);
  assert.deepEqual(states, ['open']);
});

test('half-open lets one trial through at a time', async (t) => {
  const { clock, breaker } = setUp(t);
  await toHalfOpen(clock, breaker);
  assert.equal(breaker.admits, true);
  const trial = breaker.begin();
  assert.ok(trial > 0);
  assert.equal(breaker.admits, false);
  breaker.succeeded(trial);
  await turn();
  assert.equal(breaker.state, 'closed');
});

test('a trial that says nothing about the endpoint leaves the circuit half-open for the next', async (t) => {
  const { clock, breaker } = setUp(t);
  await toHalfOpen(clock, breaker);
  const trial = breaker.begin();
  breaker.undecided(trial);
  await turn();
  assert.equal(breaker.state, 'half-open');
  assert.equal(breaker.admits, true);
});

test('a call that was sent before it opened decides no trial', async (t) => {
  const { clock, breaker } = setUp(t);
  const early = breaker.begin();
  await toHalfOpen(clock, breaker);
  const trial = breaker.begin();
  breaker.succeeded(early);
  await turn();
  assert.equal(breaker.state, 'half-open');
  breaker.failed(early, unavailable());
  assert.equal(breaker.state, 'half-open');
  breaker.failed(trial, unavailable());
  assert.equal(breaker.state, 'open');
});

test('the open time grows with jitter while trials keep failing, and starts anew after a lasting recovery', async (t) => {
  const { clock, breaker } = setUp(t);
  await toHalfOpen(clock, breaker);
  for (const longest of [20_000, 40_000, 80_000]) {
    breaker.failed(breaker.begin(), unavailable());
    const { openFor } = breaker;
    assert.ok(openFor >= longest && openFor <= longest * 1.25, `${openFor}`);
    await clock.pass(openFor + 1);
  }
  await succeed(breaker, 1);
  assert.equal(breaker.state, 'closed');
  await clock.pass(90_000);
  fail(breaker, 5);
  assert.ok(breaker.openFor <= 12_500);
});

test('opening again soon after a trial had closed it is the same trouble going on', async (t) => {
  const { clock, breaker } = setUp(t);
  await toHalfOpen(clock, breaker);
  await succeed(breaker, 1);
  fail(breaker, 5);
  assert.ok(breaker.openFor >= 20_000);
});

test('failures from before it opened do not open it again', async (t) => {
  const { clock, breaker } = setUp(t, { windowMs: 600_000 });
  await toHalfOpen(clock, breaker);
  await succeed(breaker, 1);
  fail(breaker, 1);
  assert.equal(breaker.state, 'closed');
});

test('the opening of a stream decides a trial, and the stream may go on for long', async (t) => {
  const { clock, breaker } = setUp(t);
  await toHalfOpen(clock, breaker);
  const trial = breaker.begin();
  breaker.succeeded(trial);
  await turn();
  assert.equal(breaker.admits, true);
  breaker.broke(clock.now(), unavailable());
  assert.equal(breaker.state, 'closed');
});

test('streams that all break after opening open it, at the same count as other failures', async (t) => {
  const { clock, breaker } = setUp(t);
  await succeed(breaker, 5);
  for (let stream = 0; stream < 2; stream++) breaker.broke(clock.now(), unavailable());
  assert.equal(breaker.state, 'closed');
  breaker.broke(clock.now(), unavailable());
  assert.equal(breaker.state, 'open');
});

test('a stream that breaks long after it opened is a failure of its own', async (t) => {
  const { clock, breaker } = setUp(t);
  const openedAt = clock.now();
  await clock.pass(60_000);
  for (let stream = 0; stream < 5; stream++) breaker.broke(openedAt, unavailable());
  assert.equal(breaker.state, 'open');
});

test('its options stay as they were handed in', (t) => {
  const options = Object.freeze({ ...BREAKER });
  const { breaker } = setUp(t, options);
  fail(breaker, 5);
  assert.deepEqual(options, BREAKER);
});

test('verdicts that come after it was closed for good change nothing', async (t) => {
  const { breaker, states } = setUp(t);
  breaker.close();
  await succeed(breaker, 1);
  fail(breaker, 10);
  assert.deepEqual(states, []);
});
