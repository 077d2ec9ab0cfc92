import assert from 'node:assert/strict';
import { test } from 'node:test';
import { balance } from '../../src/layers/balance.ts';
import { gate } from '../../src/layers/gate.ts';
import { answer, FakeClock, fakeAccount, fakeCall, fakePool } from '../endpoints/fakes.ts';

test('a call is sent to an endpoint of the pool and its trace says which', async (t) => {
  const clock = new FakeClock(t.mock.timers);
  const { pool, sent } = fakePool(clock, [fakeAccount('acme')], async () => answer());
  const service = balance(pool, gate({ maxWaitMs: 1000, clock }));
  const call = fakeCall();
  const reply = await service(call);
  assert.equal(reply.kind, 'whole');
  assert.deepEqual(sent, ['acme/us']);
  assert.equal(call.trace.account, 'acme');
  assert.equal(call.trace.region, 'us');
  assert.equal(call.trace.attempts, 1);
});
