import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CachePolicy, DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import type { Call } from '../../src/completion/call.ts';
import { reusePlan } from '../../src/layers/reuse-plan.ts';
import { fakeCall } from './fakes.ts';

const DEFAULTS = { mode: 'exact', minSimilarity: 0.9, ttlMs: 5_000 } as const;

function planned(policy: Partial<CachePolicy>, more: Partial<Call> = {}) {
  return reusePlan(fakeCall({ cache: { ...DEFAULT_CACHE_POLICY, ...policy }, ...more }), DEFAULTS);
}

describe('the plan of a call for the cache', () => {
  it('is what holds for its tenant where the call says nothing', () => {
    assert.deepEqual(planned({}), DEFAULTS);
  });

  it('is what the call says where it says something', () => {
    const said = { mode: 'similar', ttlMs: 7, minSimilarity: 0.6 } as const;
    assert.deepEqual(planned(said), said);
    assert.deepEqual(planned({ ttlMs: 7 }), { ...DEFAULTS, ttlMs: 7 });
    assert.equal(planned({ mode: 'off' }).mode, 'off');
  });

  it('is to leave the cache alone where an answer is no function of the request, or nobody reads it', () => {
    const refresh = { mode: 'refresh' } as const;
    assert.equal(planned(refresh, { selfContained: false }).mode, 'off');
    assert.equal(planned(refresh, { maxTokens: 0 }).mode, 'off');
    assert.equal(planned(refresh, { operation: 'count_tokens' }).mode, 'off');
    assert.equal(planned(refresh, { operation: 'models' }).mode, 'off');
  });
});
