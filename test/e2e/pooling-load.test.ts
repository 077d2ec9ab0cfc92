/** Many callers at once over several accounts: limits hold, nothing that was paid for lies idle, nobody is left behind. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { account, all, ask, startPooled, startRegion, statuses, until } from './relay.ts';

const ACCOUNTS = ['a', 'b', 'c', 'd'];
/** The relay sends at once what an even flow would bring within this time. */
const BURST_MS = 10_000;

/** Epoch milliseconds, on the scale of the simulator's records. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/** When requests came, in milliseconds since `from` and in order, account by account. */
function arrivals(region: Simulator, from: number): readonly (readonly number[])[] {
  const byKey = Map.groupBy(region.requests(), ({ key }) => key);
  return [...byKey.values()].map((records) => records.map(({ arrivedAt }) => arrivedAt - from));
}

/** The texts of the user turns that were sent, in order. */
function texts(region: Simulator): readonly string[] {
  return region.requests().flatMap(({ body }) => /"text":"([^"]+)"/.exec(body ?? '')?.[1] ?? []);
}

describe('pooled capacity under load', () => {
  test('no account gets more than its limit and one burst, and at saturation nearly all that the limits allow is used', async () => {
    const perMinute = 300;
    const perMs = perMinute / 60_000;
    await using region = await startRegion({ limits: [{ requestsPerMinute: perMinute, burst: 2 * BURST_MS }] });
    await using relay = await startPooled({
      accounts: ACCOUNTS.map((name) => account(name, { us: region }, { limits: { requests_per_minute: perMinute } })),
    });
    const startedAt = now();
    const outcomes = await all(300, () => relay.complete(ask()));

    assert.deepEqual(statuses(outcomes), { OK: 300 });
    assert.equal(region.counters().rateLimited, 0, 'the upstream had to refuse');
    const times = arrivals(region, startedAt);
    for (const own of times) {
      for (const [index, at] of own.entries()) assert.ok(index + 1 <= perMs * (at + BURST_MS) + 1);
    }
    // As long as calls wait at every account.
    const saturatedFor = Math.min(...times.map((own) => own.at(-5) ?? 0));
    const used = times.flat().filter((at) => at <= saturatedFor).length;
    const allowed = ACCOUNTS.length * perMs * (saturatedFor + BURST_MS);
    // The benchmark `pool` holds 95% on a machine of its own; a test may share its machine with others.
    assert.ok(used >= 0.8 * allowed, `${used} of ${allowed} that the limits allow`);
  });

  test('token limits hold although prompts and answers differ as much as real ones do', async () => {
    const limits = { requests_per_minute: 6_000, input_tokens_per_minute: 180_000, output_tokens_per_minute: 36_000 };
    await using region = await startRegion({ outputTokens: { from: 10, to: 400 } });
    await using relay = await startPooled({
      accounts: ACCOUNTS.map((name) => account(name, { us: region }, { limits })),
    });
    const random = seededRandom('prompts');
    const startedAt = now();
    // Log-normal, as in traces: a few prompts are ten times as long as most.
    const outcomes = await all(150, (index) => {
      const spread = random() + random() + random() - 1.5;
      const text = `${index} `.padEnd(Math.round(2_000 * Math.exp(1.8 * spread)), 'lorem ipsum ');
      return relay.complete(ask({ text, max_tokens: 1_000 }));
    });
    const minutes = (now() - startedAt + BURST_MS) / 60_000;
    assert.deepEqual(statuses(outcomes), { OK: 150 });
    for (const { key, inputTokens, outputTokens } of region.tallies()) {
      assert.ok(inputTokens <= limits.input_tokens_per_minute * minutes, `${key}: ${inputTokens} input tokens`);
      assert.ok(outputTokens <= limits.output_tokens_per_minute * minutes, `${key}: ${outputTokens} output tokens`);
    }
  });

  test('where no limits are configured they are learned, and no caller ever sees a 429', async () => {
    // It lets less through at once than the relay takes for granted.
    await using region = await startRegion({ limits: [{ requestsPerMinute: 1_200, burst: 2_000 }] });
    const upstream = { retry: { max_attempts: 10 } };
    await using relay = await startPooled({
      upstream,
      accounts: ACCOUNTS.map((name) => account(name, { us: region })),
    });
    assert.deepEqual(statuses(await all(400, () => relay.complete(ask()))), { OK: 400 });
    const { rateLimited } = region.counters();
    assert.ok(rateLimited > 0, 'the limits were never met');
    assert.ok(rateLimited < 400, `${rateLimited} refusals for 400 calls`);
  });

  test('callers who wait are served in order, and a tenant who floods the queue does not keep another waiting', async () => {
    // The first calls hold all places until everybody waits.
    const limits = { concurrent_requests: 2 };
    const latency = parseLatency('10ms');
    await using region = await startRegion({
      recordBodies: true,
      latency,
      faults: parseFaults('stall:nth=1-8,for=2s'),
    });
    await using relay = await startPooled({
      accounts: ACCOUNTS.map((name) => account(name, { us: region }, { limits })),
      tenants: ['flood', 'quiet'].map((name) => ({ name, token_sha256: sha256(name) })),
    });
    const flood = all(168, (index) => relay.complete(ask({ text: `flood ${index}` }), { token: 'flood' }));
    await until(relay.health, ({ waiting }) => waiting.interactive === 160);
    const quiet = all(20, (index) => relay.complete(ask({ text: `quiet ${index}` }), { token: 'quiet' }));
    assert.deepEqual(statuses(await quiet), { OK: 20 });
    assert.deepEqual(statuses(await flood), { OK: 168 });

    const order = texts(region).slice(8);
    const lastQuiet = order.findLastIndex((text) => text.startsWith('quiet'));
    assert.ok(lastQuiet <= 45, `20 calls of one tenant took ${lastQuiet} turns of two of equal right`);
    const numbers = order.flatMap((text) => (text.startsWith('flood') ? Number(text.split(' ')[1]) : []));
    const displaced = Math.max(...numbers.map((number, at) => Math.abs(number - 8 - at)));
    assert.ok(displaced <= 16, `a call was served ${displaced} places from its own`);
  });
});

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
