/** What a tenant may use up, held over real gRPC against the upstream's own count. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { consumptionOf, expectationOf } from '../../src/access/expectation.ts';
import { priceBook } from '../../src/completion/price.ts';
import { readUsage } from '../../src/completion/usage.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { createCodec } from '../../src/server/codec/codec.ts';
import { ask, bearer, call, MODEL, type Outcome, startSecured, tenant, tokenOf, verdict } from './secured-relay.ts';

const AT_ONCE = 50;
const prices = priceBook();
const codec = createCodec();

/** What the relay expects a request to cost at most, in USD. */
function expected(request: Buffer): number {
  const { model, body, maxTokens } = codec.decodeRequest('messages', request);
  return consumptionOf(expectationOf({ model, body, maxTokens }, Date.now()), {}, prices).usd;
}

/** What the answers did cost by their own usage, in USD. */
function spent(outcomes: readonly Outcome[]): number {
  const costs = outcomes.map(({ answer }) => {
    const usage = (answer?.['message'] as { readonly usage?: unknown } | undefined)?.usage;
    return usage === undefined ? 0 : (prices.priceOf(MODEL, readUsage(usage), { at: Date.now() }) ?? Number.NaN);
  });
  return costs.reduce((sum, cost) => sum + cost, 0);
}

describe('a tenant with a budget', () => {
  it('is let in for as many of 50 calls at once as the budget is for, whatever they cost in the end', async () => {
    // The upstream writes as much as was asked for at most, so that what is expected comes true but for the input.
    const budget = 10 * expected(ask({ max_tokens: 400 }));
    await using relay = await startSecured({
      simulator: { outputTokens: { from: 400, to: 400 } },
      settings: { tenants: [tenant('search-team', { limits: { usd_per_day: budget } }), tenant('ads-team')] },
    });
    const client = relay.connect();
    const requests = Array.from({ length: AT_ONCE }, () => ask({ max_tokens: 400 }));
    const outcomes = await Promise.all(
      requests.map((request) => call(client, bearer(tokenOf('search-team')), request)),
    );
    const verdicts = outcomes.map(verdict);
    assert.deepEqual(new Set(verdicts), new Set(['OK', 'RESOURCE_EXHAUSTED BUDGET_EXCEEDED']));
    assert.equal(relay.upstreamCalls(), verdicts.filter((each) => each === 'OK').length);
    // Requests differ by a character of their number, and the last one in may go over the brim.
    assert.ok(relay.upstreamCalls() >= 10 && relay.upstreamCalls() <= 11, String(relay.upstreamCalls()));
    const refusal = outcomes.find(({ status }) => status !== 'OK');
    assert.match(refusal?.message ?? '', /^Tenant search-team has used up its usd_per_day of /);
    assert.equal(refusal?.info.metadata?.['subject'], 'tenant:search-team');
    assert.equal(verdict(await call(client, bearer(tokenOf('ads-team')))), 'OK');
  });

  it('never spends more than it and one call, however dear the calls and however they come', {
    timeout: 60_000,
  }, async () => {
    const calls = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: AT_ONCE, maxLength: AT_ONCE });
    const property = fc.asyncProperty(calls, fc.integer({ min: 1, max: 5 }), async (lengths, waves) => {
      const requests = lengths.map((max) => ask({ max_tokens: max }));
      const estimates = requests.map(expected);
      const budget = (estimates.reduce((sum, each) => sum + each, 0) / AT_ONCE) * 10;
      await using relay = await startSecured({
        simulator: { outputTokens: { from: 1, to: 2000 } },
        settings: { tenants: [tenant('search-team', { limits: { usd_per_day: budget } })] },
      });
      const client = relay.connect();
      const outcomes: Outcome[] = [];
      const size = Math.ceil(AT_ONCE / waves);
      for (let from = 0; from < AT_ONCE; from += size) {
        const wave = requests.slice(from, from + size);
        outcomes.push(
          ...(await Promise.all(wave.map((request) => call(client, bearer(tokenOf('search-team')), request)))),
        );
      }
      assert.ok(outcomes.some(({ status }) => status === 'OK'));
      assert.ok(spent(outcomes) <= budget + Math.max(...estimates), `${spent(outcomes)} of ${budget}`);
      assert.equal(relay.upstreamCalls(), outcomes.filter(({ status }) => status === 'OK').length);
    });
    await fc.assert(property, { numRuns: 8 });
  });

  it('has no more calls under way than it may, and gets the place back when a call is over', async () => {
    await using relay = await startSecured({
      simulator: { latency: parseLatency('20ms') },
      settings: { tenants: [tenant('search-team', { limits: { concurrent_requests: 3 } })] },
    });
    const client = relay.connect();
    for (let round = 0; round < 3; round += 1) {
      const outcomes = await Promise.all(
        Array.from({ length: AT_ONCE }, () => call(client, bearer(tokenOf('search-team')))),
      );
      assert.ok(outcomes.some(({ status }) => status === 'OK'));
      assert.ok(relay.simulator.counters().peakOpen <= 3);
    }
  });
});
