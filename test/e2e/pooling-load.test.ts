/** Many callers at once over several accounts: limits hold, nothing that was paid for lies idle, nobody is left behind. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { seededRandom } from '../../src/simulator/random.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { account, all, ask, startPooled, startRegion, statuses, until } from './relay.ts';

const ACCOUNTS = ['a', 'b', 'c', 'd'];
/** The relay sends at once what an even flow would bring within this time. */
const BURST_MS = 1_000;

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
  test('no account gets more than its limit and one burst, and at saturation at least 95% of all limits is used', async () => {
    const perMinute = 1_200;
    const perMs = perMinute / 60_000;
    await using region = await startRegion({ limits: [{ requestsPerMinute: perMinute, burst: 2 * BURST_MS }] });
    await using relay = await startPooled({
      accounts: ACCOUNTS.map((name) => account(name, { us: region }, { limits: { requests_per_minute: perMinute } })),
    });
    const startedAt = now();
    const outcomes = await all(480, () => relay.complete(ask()));

    assert.deepEqual(statuses(outcomes), { OK: 480 });
    assert.equal(region.counters().rateLimited, 0, 'the upstream had to refuse');
    const times = arrivals(region, startedAt);
    for (const own of times) {
      for (const [index, at] of own.entries()) assert.ok(index + 1 <= perMs * (at + BURST_MS) + 1);
    }
    // As long as calls wait at every account.
    const saturatedFor = Math.min(...times.map((own) => own.at(-5) ?? 0));
    const used = times.flat().filter((at) => at <= saturatedFor).length;
    const allowed = ACCOUNTS.length * perMs * (saturatedFor + BURST_MS);
    assert.ok(used >= 0.95 * allowed, `${used} of ${allowed} that the limits allow`);
  });

  test('token limits hold although prompts and answers differ as much as real ones do', async () => {
    const limits = { requests_per_minute: 6_000, input_tokens_per_minute: 600_000, output_tokens_per_minute: 120_000 };
    await using region = await startRegion({ outputTokens: { from: 10, to: 400 } });
    await using relay = await startPooled({
      accounts: ACCOUNTS.map((name) => account(name, { us: region }, { limits })),
    });
    const random = seededRandom('prompts');
    const startedAt = now();
    // Log-normal, as in traces: a few prompts are ten times as long as most.
    const outcomes = await all(200, (index) => {
      const spread = random() + random() + random() - 1.5;
      const text = `${index} `.padEnd(Math.round(2_000 * Math.exp(1.8 * spread)), 'lorem ipsum ');
      return relay.complete(ask({ text, max_tokens: 1_000 }));
    });
    const minutes = (now() - startedAt + BURST_MS) / 60_000;
    assert.deepEqual(statuses(outcomes), { OK: 200 });
    for (const { key, inputTokens, outputTokens } of region.tallies()) {
      assert.ok(inputTokens <= limits.input_tokens_per_minute * minutes, `${key}: ${inputTokens} input tokens`);
      assert.ok(outputTokens <= limits.output_tokens_per_minute * minutes, `${key}: ${outputTokens} output tokens`);
    }
  });

  test('where no limits are configured they are learned, and no caller ever sees a 429', async () => {
    await using region = await startRegion({ limits: [{ requestsPerMinute: 1_200, burst: 2 * BURST_MS }] });
    await using relay = await startPooled({ accounts: ACCOUNTS.map((name) => account(name, { us: region })) });
    const first = await all(400, () => relay.complete(ask()));
    assert.deepEqual(statuses(first), { OK: 400 });
    const refusedAtFirst = region.counters().rateLimited;
    assert.ok(refusedAtFirst > 0, 'the limits were never met');
    assert.deepEqual(statuses(await all(100, () => relay.complete(ask()))), { OK: 100 });
    assert.equal(region.counters().rateLimited, refusedAtFirst, 'learned limits were exceeded');
  });

  test('callers who wait are served in order, and a tenant who floods the queue does not keep another waiting', async () => {
    const limits = { requests_per_minute: 600 };
    await using region = await startRegion({ recordBodies: true });
    await using relay = await startPooled({
      accounts: ACCOUNTS.map((name) => account(name, { us: region }, { limits })),
      tenants: ['flood', 'quiet'].map((name) => ({ name, token_sha256: sha256(name) })),
    });
    const flood = all(160, (index) => relay.complete(ask({ text: `flood ${index}` }), { token: 'flood' }));
    // The first burst finds its connections; what waits then is sent in its order.
    await until(relay.health, ({ waiting }) => waiting.interactive >= 80);
    await until(region.counters, ({ answered }) => answered >= 40);
    const quiet = all(20, (index) => relay.complete(ask({ text: `quiet ${index}` }), { token: 'quiet' }));
    assert.deepEqual(statuses(await quiet), { OK: 20 });
    assert.deepEqual(statuses(await flood), { OK: 160 });

    const order = texts(region);
    const isQuiet = (text: string): boolean => text.startsWith('quiet');
    const shared = order.slice(order.findIndex(isQuiet), order.findLastIndex(isQuiet) + 1);
    assert.ok(shared.length <= 50, `20 calls of one tenant took ${shared.length} turns of two of equal right`);
    const floodOrder = order
      .slice(40)
      .filter((text) => text.startsWith('flood'))
      .map((text) => Number(text.split(' ')[1]));
    const displaced = floodOrder.map((index, at) => Math.abs(index - 40 - at));
    assert.ok(Math.max(...displaced) <= 40, `a call was served ${Math.max(...displaced)} places from its own`);
  });
});

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
