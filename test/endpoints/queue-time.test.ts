import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RelayError } from '../../src/completion/errors.ts';
import { HistoryBudget } from '../../src/completion/shared-stream.ts';
import { balance } from '../../src/layers/balance.ts';
import { coalesce } from '../../src/layers/coalesce.ts';
import { gate } from '../../src/layers/gate.ts';
import { answer, FakeClock, fakeAccount, fakeCall, fakePool, NO_EVENTS, openAnswer, turn } from './fakes.ts';

const ONE_AT_A_TIME = [fakeAccount('a', { limits: [{ models: ['*'], concurrentRequests: 1 }] })];

function setUp(t: TestContext) {
  const clock = new FakeClock(t.mock.timers);
  const waits: number[] = [];
  const events = { ...NO_EVENTS, queueWaited: (_priority: string, milliseconds: number) => waits.push(milliseconds) };
  const held = openAnswer();
  let sent = 0;
  const { pool } = fakePool(clock, ONE_AT_A_TIME, async () => (sent++ === 0 ? held.reply : answer()), { events });
  const service = balance(pool, gate({ maxWaitMs: 5_000, clock }));
  const share = coalesce({
    keyOf: (call) => call.digest(),
    history: new HistoryBudget(1_000),
    now: () => clock.now(),
  })(service);
  return { clock, waits, service, share };
}

test('the time for which a call waited in vain is told with it, and counted', async (t) => {
  for (const via of ['service', 'share'] as const) {
    const { clock, waits, service, [via]: tried } = setUp(t);
    await service(fakeCall());
    const controller = new AbortController();
    const call = fakeCall({ signal: controller.signal });
    const reply = tried(call);
    await turn();
    await clock.pass(700);
    controller.abort(new RelayError('CANCELLED', 'gone'));
    await assert.rejects(reply);
    assert.equal(call.trace.queued, 700, via);
    assert.deepEqual(waits, [700], via);
    t.mock.timers.reset();
  }
});
