/** Popular answers renewed before they expire, by the whole relay. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { ask, type CachedRelay, idOf, infoOf, startCached, startUpstream } from './reuse-relay.ts';

/** Renewals are due from a tenth of an answer's life on, so that no test waits for the end of one. */
const EARLY = { cache: { refresh_ahead: 0.1 } };
const BRIEF = { seconds: 1 };

async function complete(relay: CachedRelay, text: string, ttl: object) {
  const { answer, error } = await relay.client.ask('Complete', ask(text, { ttl }));
  assert.equal(error, undefined, error?.message);
  const { cache_status, cost_usd = 0 } = infoOf(answer);
  return { id: idOf(answer), status: cache_status, cost: cost_usd };
}

function renewals(relay: CachedRelay): Promise<number> {
  return relay.metric('claude_relay_cache_refreshes_total');
}

describe('an answer that is asked for again and again', () => {
  it('is renewed while it is served, so that nobody waits for the upstream', async () => {
    await using relay = await startCached(EARLY);
    const ttl = { seconds: 3 };
    const first = await complete(relay, 'Name a bird.', ttl);
    let found = first;
    while (found.id === first.id) found = await complete(relay, 'Name a bird.', ttl);
    assert.equal(found.status, 'CACHE_STATUS_HIT');
    assert.deepEqual([await renewals(relay), relay.asked()], [1, 2]);
    const paid = await relay.metric('claude_relay_cost_usd_total');
    assert.ok(Math.abs(paid - 2 * first.cost) < 1e-9, 'the renewal was paid for like any other call');
  });

  const troubles = [
    { name: 'a model has to wait', fault: '429:models=claude-haiku-*,retry-after=600', settings: {} },
    {
      name: 'a breaker is open',
      fault: '500:models=claude-haiku-*',
      settings: { breaker: { minimum_requests: 1, open_for: '10m' } },
    },
  ];
  for (const { name, fault, settings } of troubles) {
    it(`is served until it expires, and not renewed, while ${name}`, async () => {
      await using upstream = await startUpstream({ faults: parseFaults(fault) });
      const once = { retry: { max_attempts: 1 }, ...settings };
      await using relay = await startCached({ ...EARLY, upstream: once }, upstream);
      const first = await complete(relay, 'Name a bird.', BRIEF);
      const { error } = await relay.client.ask('Complete', { ...ask('Name a fish.'), model: 'claude-haiku-4-5' });
      assert.ok(error?.code === status.RESOURCE_EXHAUSTED || error?.code === status.UNAVAILABLE, error?.message);
      // What comes when it has expired is an error, where the upstream is in trouble with everything.
      const isServed = async () => idOf((await relay.client.ask('Complete', ask('Name a bird.'))).answer) === first.id;
      let hits = 0;
      while (await isServed()) hits += 1;
      assert.ok(hits > 3, `${hits} hits`);
      assert.equal(await renewals(relay), 0);
    });
  }
});
