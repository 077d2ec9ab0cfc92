import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Reason, RelayError } from '../../src/completion/errors.ts';
import { Alarm } from '../../src/endpoints/alarm.ts';
import { Suspension } from '../../src/endpoints/suspension.ts';
import { FakeClock } from './fakes.ts';

function setUp({ mock }: TestContext) {
  const clock = new FakeClock(mock.timers);
  const alarm = new Alarm(clock);
  return { clock, suspension: new Suspension({ clock, alarm, firstMs: 60_000, longestMs: 3_600_000, changed() {} }) };
}

function refusal(reason: Reason, message: string, retryAfter?: number): RelayError {
  return new RelayError(reason, message, retryAfter === undefined ? {} : { retryAfter });
}

test('it says why while it lasts, and no longer', async (t) => {
  const { clock, suspension } = setUp(t);
  assert.equal(suspension.cause, undefined);
  assert.equal(suspension.suspend(refusal('RATE_LIMITED', 'Spent.')), 60_000);
  assert.deepEqual(suspension.cause, { reason: 'RATE_LIMITED', message: 'Spent.' });
  await clock.pass(60_000);
  assert.deepEqual([suspension.suspended, suspension.cause], [false, undefined]);
});

test('of several causes the one that lasts longest counts', (t) => {
  const { suspension } = setUp(t);
  suspension.suspend(refusal('UPSTREAM_CREDENTIALS', 'Unpaid.'));
  suspension.suspend(refusal('RATE_LIMITED', 'Spent.', 600_000));
  assert.equal(suspension.suspend(refusal('UPSTREAM_CREDENTIALS', 'Unpaid.')), 600_000);
  assert.equal(suspension.cause?.message, 'Spent.');
});

test('after a success nothing is left of how long it was to last', (t) => {
  const { suspension } = setUp(t);
  suspension.suspend(refusal('RATE_LIMITED', 'Spent.', 600_000));
  suspension.succeeded();
  assert.equal(suspension.suspend(refusal('UPSTREAM_CREDENTIALS', 'Unpaid.')), 60_000);
  assert.equal(suspension.cause?.message, 'Unpaid.');
});
