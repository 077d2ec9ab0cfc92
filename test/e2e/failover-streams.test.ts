/** Answers that begin with status 200 and then fail: OmniRoute's breaker saw 189 of them in a row and stayed closed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { account, all, ask, byAccount, type Outcome, startPooled, startRegion, statuses } from './relay.ts';

/** What is asked first, and where calls go when that fails. */
const TIERS = { bad: { priority: 0 }, good: { priority: 1 } } as const;

function eventNames({ events }: Outcome): readonly string[] {
  return events.map((event) => Object.keys(event).find((name) => name !== 'relay') ?? '');
}

/** Nothing in the stream tells that there was another one before. */
function assertWholeStream(outcome: Outcome): void {
  const names = eventNames(outcome);
  assert.deepEqual(statuses([outcome]), { OK: 1 });
  assert.equal(names[0], 'message_start');
  assert.equal(names.at(-1), 'message_stop');
  assert.equal(names.filter((name) => name === 'message_start').length, 1);
  assert.equal(names.filter((name) => name === 'content_block_start').length, 1);
}

const FAILURES = {
  'an error event at the head': 'error-head:error=api_error,',
  'an error event of overload at the head': 'error-head:error=overloaded_error,',
  'an error event after message_start': 'error-mid:after=1,error=api_error,',
  'an end before any event': 'eof:after=0,',
  'an end after message_start': 'eof:after=1,',
  'a connection cut after message_start': 'cut:after=1,',
  'a connection reset': 'reset:',
};

for (const [name, faults] of Object.entries(FAILURES)) {
  test(`a stream with ${name} is asked for elsewhere, and its caller sees nothing of it`, async () => {
    await using us = await startRegion({ faults: parseFaults(`${faults}keys=key-bad`) });
    await using eu = await startRegion();
    await using relay = await startPooled({
      accounts: [account('bad', { us }, TIERS.bad), account('good', { eu }, TIERS.good)],
    });
    const outcome = await relay.stream(ask());
    assertWholeStream(outcome);
    assert.deepEqual([outcome.relay.account, outcome.relay.attempts], ['good', 2]);
    assert.deepEqual([us.counters().requests, eu.counters().requests], [1, 1]);
  });
}

describe('189 streams in a row', () => {
  for (const [what, faults] of [
    ['begin with an error event', 'error-head:error=api_error,keys=key-bad'],
    ['begin with an error event of overload', 'error-head:error=overloaded_error,keys=key-bad'],
    ['end early', 'eof:after=1,keys=key-bad'],
  ] as const) {
    test(`that ${what} open the breaker, and none of their callers notices`, async () => {
      await using us = await startRegion({ faults: parseFaults(faults) });
      await using relay = await startPooled({
        accounts: [account('bad', { us }, TIERS.bad), account('good', { us }, TIERS.good)],
      });
      const outcomes: Outcome[] = [];
      for (let row = 0; row < 189; row++) outcomes.push(await relay.stream(ask()));
      for (const outcome of outcomes) assertWholeStream(outcome);
      // Five within its window open it.
      assert.deepEqual(byAccount(us.requests()), { bad: 5, good: 189 });
      const health = await relay.health();
      assert.equal(health.endpoints.find((endpoint) => endpoint.account === 'bad')?.breaker, 'open');
      assert.equal(await relay.metric('claude_relay_breaker_state', { account: 'bad' }), 2);
    });
  }

  test('that break after their first words open the breaker too, and each caller learns how far his came', async () => {
    await using us = await startRegion({ faults: parseFaults('cut:after=4,keys=key-bad') });
    await using relay = await startPooled({
      accounts: [account('bad', { us }, TIERS.bad), account('good', { us }, TIERS.good)],
    });
    const outcomes: Outcome[] = [];
    for (let row = 0; row < 189; row++) outcomes.push(await relay.stream(ask()));
    assert.deepEqual(statuses(outcomes), { 'UNAVAILABLE STREAM_INTERRUPTED': 5, OK: 184 });
    assert.deepEqual(byAccount(us.requests()), { bad: 5, good: 184 });
  });
});

test('a unary call whose answer is streamed upstream is asked for again even when half of it had come', async () => {
  await using us = await startRegion({ faults: parseFaults('cut:after=4,keys=key-bad') });
  await using relay = await startPooled({
    accounts: [account('bad', { us }, TIERS.bad), account('good', { us }, TIERS.good)],
  });
  const outcomes = await all(3, () => relay.complete(ask({ max_tokens: 8_000 })));
  assert.deepEqual(statuses(outcomes), { OK: 3 });
  assert.deepEqual(byAccount(us.requests()), { bad: 3, good: 3 });
});
