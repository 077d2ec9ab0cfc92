import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RelayError } from '../../src/completion/errors.ts';
import { balance } from '../../src/layers/balance.ts';
import { gate } from '../../src/layers/gate.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { answer, FakeClock, fakeAccount, fakeCall, fakePool, refused, turn } from '../endpoints/fakes.ts';

const known = (): boolean => true;

/** A pool of one account whose upstream refuses with this error until it is mended, and what the metrics show of it. */
function setUp(t: TestContext, refusal: RelayError) {
  const clock = new FakeClock(t.mock.timers);
  let isMended = false;
  const { pool } = fakePool(clock, [fakeAccount('a')], async () => {
    if (!isMended) throw refusal;
    return answer();
  });
  const metrics = createMetrics({ tenant: known, model: known, account: known, region: known });
  metrics.watchBreakers(() => pool.snapshot().endpoints);
  const service = balance(pool, gate({ maxWaitMs: 5000, clock }));
  return {
    clock,
    mend: () => {
      isMended = true;
    },
    call: async () => {
      const outcome = await service(fakeCall()).then(
        () => 'answered',
        ({ reason }: RelayError) => reason,
      );
      await turn();
      return outcome;
    },
    shown: async () => {
      const { text } = await metrics.render('');
      const lines = text.matchAll(/^claude_relay_account_suspended\{account="a",cause="(\w+)"\} 1$/gm);
      return [...lines].map(([, cause]) => cause);
    },
  };
}

test('a refused key shows from its refusal to its acceptance, also while a trial is due that nobody makes', async (t) => {
  const { clock, mend, call, shown } = setUp(t, refused(401));
  assert.deepEqual(await shown(), []);
  assert.equal(await call(), 'UPSTREAM_CREDENTIALS');
  assert.deepEqual(await shown(), ['key']);
  await clock.pass(31_000);
  assert.deepEqual(await shown(), ['key']);
  assert.equal(await call(), 'UPSTREAM_CREDENTIALS');
  await clock.pass(61_000);
  mend();
  assert.deepEqual(await shown(), ['key']);
  assert.equal(await call(), 'answered');
  assert.deepEqual(await shown(), []);
});

test('an account whose organization cannot pay shows as suspended for its organization', async (t) => {
  const { call, shown } = setUp(t, refused(402));
  await call();
  assert.deepEqual(await shown(), ['organization']);
});
