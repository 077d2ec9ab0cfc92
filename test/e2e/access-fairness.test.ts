/** A tenant that asks for far more than its share gets its share, and the others get theirs: counted in turns, not in time. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseLatency } from '../../src/simulator/latency.ts';
import { ask, bearer, call, startSecured, tenant, tokenOf, verdict } from './secured-relay.ts';

const CONCURRENCY = 8;
const QUIET = ['north', 'east', 'south', 'west'];
const CALLS = 10;
/** Fifty times what is its own of the places at the upstream, all at once. */
const FLOOD = 50 * Math.ceil(CONCURRENCY / (QUIET.length + 1));

it('a flood of 50 times its share costs the others no more than a turn a call, and refuses none of theirs', {
  timeout: 60_000,
}, async () => {
  await using relay = await startSecured({
    simulator: { latency: parseLatency('30ms~15ms'), recordBodies: true },
    account: { limits: { concurrent_requests: CONCURRENCY } },
    settings: { tenants: [...QUIET, 'flood'].map((name) => tenant(name)) },
  });
  const client = relay.connect();
  const asked = (name: string) =>
    call(client, bearer(tokenOf(name)), ask({ metadata: { user_id: name } }), { deadline: 60_000 });

  // The flood never ebbs: whoever is answered or refused asks again, until the others are done.
  const done = new AbortController();
  const flooding = Array.from({ length: FLOOD }, async () => {
    while (!done.signal.aborted) await asked('flood');
  });
  await relay.simulator.findRequest(({ outcome }) => outcome === 'open');
  while (relay.simulator.counters().open < CONCURRENCY) await new Promise(setImmediate);

  const outcomes = await Promise.all(
    QUIET.map(async (name) => {
      const own: string[] = [];
      for (let times = 0; times < CALLS; times += 1) own.push(verdict(await asked(name)));
      return own;
    }),
  );
  done.abort();
  assert.deepEqual(new Set(outcomes.flat()), new Set(['OK']));

  const order = relay.simulator.requests().map(({ body = '' }) => /"user_id":"(\w+)"/.exec(body)?.[1] ?? '');
  const first = order.findIndex((name) => QUIET.includes(name));
  const last = order.findLastIndex((name) => QUIET.includes(name));
  // A call of a quiet tenant waits until a place is free, and is under way while all the others are taken once or
  // twice: each call of a tenant lasts two to three times of what a place takes.
  const turns = (last - first + 1) / CALLS;
  assert.ok(turns <= 3 * CONCURRENCY, `a call of a quiet tenant took ${turns} turns of the upstream`);
  const flood = order.slice(first, last).filter((name) => name === 'flood').length;
  assert.ok(flood >= CALLS * QUIET.length * 0.5, 'the flood has its share all the same');
  await Promise.all(flooding);
});
