import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { MemoryQuotaStore } from '../../src/access/memory-quota-store.ts';
import { type Consumption, NOTHING_USED, Quotas, type Reservation } from '../../src/access/quota.ts';
import { ANONYMOUS, type Tenant, type TenantLimits } from '../../src/access/tenant.ts';
import { type Reason, RelayError } from '../../src/completion/errors.ts';

const NOON = Date.parse('2026-11-20T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function tenant(limits: TenantLimits, name = 'search-team'): Tenant {
  return { ...ANONYMOUS, name, limits };
}

/** Quotas on a clock that the test moves. */
function bench(start = NOON) {
  const clock = { now: start };
  const store = new MemoryQuotaStore();
  return { clock, store, quotas: new Quotas(store, () => clock.now) };
}

async function refusal(attempt: Promise<unknown>): Promise<RelayError> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RelayError, 'the call was let in');
  return error;
}

async function assertRefused(attempt: Promise<unknown>, reason: Reason, quota: string, retryAfter?: number) {
  const error = await refusal(attempt);
  assert.deepEqual([error.reason, error.metadata['quota'], error.retryAfter], [reason, quota, retryAfter]);
}

describe('requests per minute', () => {
  it('are let in up to the limit, and then as fast as it refills', async () => {
    const { quotas, clock } = bench();
    const limited = tenant({ requestsPerMinute: 7 });
    for (let call = 0; call < 7; call += 1) await quotas.reserve(limited, NOTHING_USED);
    const error = await refusal(quotas.reserve(limited, NOTHING_USED));
    assert.equal(error.reason, 'QUOTA_EXCEEDED');
    assert.deepEqual(error.metadata, { quota: 'requests_per_minute', limit: '7', subject: 'tenant:search-team' });
    assert.equal(error.retryAfter, Math.ceil(MINUTE / 7));
    clock.now += Math.ceil(MINUTE / 7);
    await quotas.reserve(limited, NOTHING_USED);
    await refusal(quotas.reserve(limited, NOTHING_USED));
  });

  it('are counted whatever becomes of the call, but not when it was refused', async () => {
    const { quotas } = bench();
    const limited = tenant({ requestsPerMinute: 2, concurrentRequests: 1 });
    const first = await quotas.reserve(limited, NOTHING_USED);
    await refusal(quotas.reserve(limited, NOTHING_USED));
    await first.settle(NOTHING_USED);
    const second = await quotas.reserve(limited, NOTHING_USED);
    await second.settle(NOTHING_USED);
    await assertRefused(quotas.reserve(limited, NOTHING_USED), 'QUOTA_EXCEEDED', 'requests_per_minute', MINUTE / 2);
  });
});

describe('tokens per minute', () => {
  it('let a call in while any are left, and wait until its debt has drained', async () => {
    const { quotas, clock } = bench();
    const limited = tenant({ tokensPerMinute: 6000 });
    await quotas.reserve(limited, { tokens: 5999, usd: 0 });
    await quotas.reserve(limited, { tokens: 12_001, usd: 0 });
    await assertRefused(quotas.reserve(limited, { tokens: 1, usd: 0 }), 'QUOTA_EXCEEDED', 'tokens_per_minute', 120_010);
    clock.now += 120_009;
    await refusal(quotas.reserve(limited, { tokens: 1, usd: 0 }));
    clock.now += 1;
    await quotas.reserve(limited, { tokens: 1, usd: 0 });
  });

  it('that were not used are given back at once, and those used beyond the estimate are added', async () => {
    const { quotas } = bench();
    const limited = tenant({ tokensPerMinute: 1000 });
    const generous = await quotas.reserve(limited, { tokens: 1000, usd: 0 });
    await refusal(quotas.reserve(limited, { tokens: 1, usd: 0 }));
    await generous.settle({ tokens: 10, usd: 0 });
    const modest = await quotas.reserve(limited, { tokens: 1, usd: 0 });
    await modest.settle({ tokens: 990, usd: 0 });
    await refusal(quotas.reserve(limited, { tokens: 1, usd: 0 }));
  });

  it('that have drained already are not given back a second time', async () => {
    const { quotas, clock } = bench();
    const limited = tenant({ tokensPerMinute: 1000 });
    const slow = await quotas.reserve(limited, { tokens: 1000, usd: 0 });
    clock.now += MINUTE;
    await quotas.reserve(limited, { tokens: 1000, usd: 0 });
    await slow.settle(NOTHING_USED);
    await refusal(quotas.reserve(limited, { tokens: 1, usd: 0 }));
  });

  it('are not asked of calls that take none', async () => {
    const { quotas } = bench();
    const limited = tenant({ tokensPerMinute: 10 });
    await quotas.reserve(limited, { tokens: 10, usd: 0 });
    await quotas.reserve(limited, NOTHING_USED);
  });
});

describe('concurrent requests', () => {
  it('are given back when a call is settled, once', async () => {
    const { quotas } = bench();
    const limited = tenant({ concurrentRequests: 2 });
    const first = await quotas.reserve(limited, NOTHING_USED);
    await quotas.reserve(limited, NOTHING_USED);
    await assertRefused(quotas.reserve(limited, NOTHING_USED), 'QUOTA_EXCEEDED', 'concurrent_requests', 1000);
    await first.settle(NOTHING_USED);
    await first.settle(NOTHING_USED);
    await quotas.reserve(limited, NOTHING_USED);
    await refusal(quotas.reserve(limited, NOTHING_USED));
  });

  it('of a process that died are given back after two hours', async () => {
    const { quotas, clock } = bench();
    const limited = tenant({ concurrentRequests: 1 });
    const lost = await quotas.reserve(limited, NOTHING_USED);
    clock.now += 2 * HOUR - 1;
    await refusal(quotas.reserve(limited, NOTHING_USED));
    clock.now += 1;
    await quotas.reserve(limited, NOTHING_USED);
    await lost.settle(NOTHING_USED);
    await refusal(quotas.reserve(limited, NOTHING_USED));
  });
});

describe('dollars per day', () => {
  it('are overspent by one call at most, however many come at once', async () => {
    const { quotas } = bench();
    const limited = tenant({ usdPerDay: 1 });
    const estimate = { tokens: 0, usd: 0.1 };
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => quotas.reserve(limited, estimate)));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 10);
  });

  it('are exact in sums of many small parts', async () => {
    const { quotas } = bench();
    const limited = tenant({ usdPerDay: 0.3 });
    for (const usd of [0.1, 0.1, 0.1]) await quotas.reserve(limited, { tokens: 0, usd });
    await refusal(quotas.reserve(limited, { tokens: 0, usd: 1e-9 }));
  });

  it('are renewed at midnight UTC', async () => {
    const { quotas, clock } = bench();
    const limited = tenant({ usdPerDay: 1 });
    await quotas.reserve(limited, { tokens: 0, usd: 1 });
    const error = await refusal(quotas.reserve(limited, { tokens: 0, usd: 1 }));
    assert.equal(error.reason, 'BUDGET_EXCEEDED');
    assert.deepEqual(error.metadata, { quota: 'usd_per_day', limit: '1', subject: 'tenant:search-team' });
    assert.equal(error.retryAfter, 12 * HOUR);
    clock.now += 12 * HOUR - 1;
    await refusal(quotas.reserve(limited, { tokens: 0, usd: 1 }));
    clock.now += 1;
    await quotas.reserve(limited, { tokens: 0, usd: 1 });
  });

  it('are those of the day on which a call began', async () => {
    const { quotas, clock } = bench();
    const limited = tenant({ usdPerDay: 1 });
    const late = await quotas.reserve(limited, { tokens: 0, usd: 0.9 });
    clock.now += 12 * HOUR;
    await quotas.reserve(limited, { tokens: 0, usd: 0.9 });
    await late.settle(NOTHING_USED);
    await quotas.reserve(limited, { tokens: 0, usd: 0.2 });
    await refusal(quotas.reserve(limited, { tokens: 0, usd: 0.2 }));
  });

  it('are charged to a call that took longer than its lease', async () => {
    const { quotas, clock } = bench(Date.parse('2026-11-20T01:00:00Z'));
    const limited = tenant({ usdPerDay: 1 });
    const long = await quotas.reserve(limited, { tokens: 0, usd: 0.5 });
    clock.now += 3 * HOUR;
    await long.settle({ tokens: 0, usd: 1 });
    await refusal(quotas.reserve(limited, { tokens: 0, usd: 0.1 }));
  });
});

describe('a refusal', () => {
  it('takes nothing, and names the quota that stands in the way longest', async () => {
    const { quotas } = bench();
    const limited = tenant({ requestsPerMinute: 3, tokensPerMinute: 100, usdPerDay: 1, concurrentRequests: 1 });
    const first = await quotas.reserve(limited, { tokens: 100, usd: 1 });
    await assertRefused(quotas.reserve(limited, { tokens: 1, usd: 1 }), 'BUDGET_EXCEEDED', 'usd_per_day', 12 * HOUR);
    await first.settle(NOTHING_USED);
    await quotas.reserve(limited, { tokens: 100, usd: 1 });
  });

  it('says no time where waiting cannot help', async () => {
    const { quotas } = bench();
    for (const [limits, quota] of [
      [{ requestsPerMinute: 0 }, 'requests_per_minute'],
      [{ concurrentRequests: 0, requestsPerMinute: 0 }, 'requests_per_minute'],
      [{ tokensPerMinute: 0 }, 'tokens_per_minute'],
    ] as const) {
      await assertRefused(quotas.reserve(tenant(limits), { tokens: 1, usd: 1 }), 'QUOTA_EXCEEDED', quota);
    }
    await assertRefused(
      quotas.reserve(tenant({ usdPerDay: 0 }), { tokens: 1, usd: 1 }),
      'BUDGET_EXCEEDED',
      'usd_per_day',
    );
  });

  it('touches no other tenant', async () => {
    const { quotas } = bench();
    await quotas.reserve(tenant({ requestsPerMinute: 1 }), NOTHING_USED);
    await refusal(quotas.reserve(tenant({ requestsPerMinute: 1 }), NOTHING_USED));
    await quotas.reserve(tenant({ requestsPerMinute: 1 }, 'ads-team'), NOTHING_USED);
  });
});

describe('changed limits', () => {
  it('keep what was counted', async () => {
    const { quotas } = bench();
    for (let call = 0; call < 5; call += 1) await quotas.reserve(tenant({ requestsPerMinute: 10 }), NOTHING_USED);
    await refusal(quotas.reserve(tenant({ requestsPerMinute: 5 }), NOTHING_USED));
    await quotas.reserve(tenant({ requestsPerMinute: 6 }), NOTHING_USED);
  });
});

describe('the memory of the quota store', () => {
  it('gives up tenants at rest, and none that owe or hold something', async () => {
    const { quotas, store, clock } = bench();
    await quotas.reserve(tenant({ requestsPerMinute: 1, concurrentRequests: 1 }, 'holder'), NOTHING_USED);
    for (let index = 0; index < 200; index += 1) {
      const gone = await quotas.reserve(tenant({ requestsPerMinute: 1 }, `tenant-${index}`), NOTHING_USED);
      await gone.settle(NOTHING_USED);
      clock.now += MINUTE / 2;
    }
    assert.ok(store.size < 100, `${store.size} are remembered`);
    await refusal(quotas.reserve(tenant({ concurrentRequests: 1 }, 'holder'), NOTHING_USED));
  });
});

describe('any sequence of calls', () => {
  interface Admitted {
    readonly at: number;
    readonly estimate: Consumption;
    readonly reservation: Reservation;
    used: Consumption;
    open: boolean;
  }

  const LIMITS = { requestsPerMinute: 6, tokensPerMinute: 1000, concurrentRequests: 4, usdPerDay: 2 } as const;
  const LARGEST = 800;

  const steps = fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('begin' as const), tokens: fc.integer({ min: 1, max: LARGEST }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('end' as const),
          which: fc.nat(9),
          share: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 90_000 }) }),
      },
    ),
    { maxLength: 120 },
  );

  it('stays within every limit plus the one call that went over the brim', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (drawn) => {
        const { quotas, clock } = bench();
        const admitted: Admitted[] = [];
        for (const step of drawn) {
          if (step.kind === 'wait') clock.now += step.ms;
          const open = admitted.filter((call) => call.open);
          if (step.kind === 'begin') {
            const estimate = { tokens: step.tokens, usd: step.tokens / 2000 };
            const reservation = await quotas.reserve(tenant(LIMITS), estimate).catch(() => undefined);
            if (reservation !== undefined)
              admitted.push({ at: clock.now, estimate, reservation, used: estimate, open: true });
          }
          const ending = step.kind === 'end' ? open[step.which % Math.max(1, open.length)] : undefined;
          if (step.kind === 'end' && ending !== undefined) {
            ending.used = {
              tokens: Math.floor(ending.estimate.tokens * step.share),
              usd: ending.estimate.usd * step.share,
            };
            ending.open = false;
            await ending.reservation.settle(ending.used);
          }

          assert.ok(admitted.filter((call) => call.open).length <= LIMITS.concurrentRequests);
          const spent = admitted.reduce((sum, call) => sum + call.used.usd, 0);
          assert.ok(spent <= LIMITS.usdPerDay + LARGEST / 2000, `${spent} dollars`);
        }
        for (const { at: from } of admitted) {
          const window = admitted.filter(({ at }) => at >= from && at < from + MINUTE);
          assert.ok(window.length <= 2 * LIMITS.requestsPerMinute, `${window.length} requests`);
          const tokens = window.reduce((sum, call) => sum + call.used.tokens, 0);
          assert.ok(tokens <= 2 * LIMITS.tokensPerMinute + LARGEST, `${tokens} tokens`);
        }
      }),
    );
  });

  it('leaves nothing held once all have ended and a minute has drained what they used', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 30 }), async (sizes) => {
        const { quotas, clock, store } = bench();
        const limits = { tokensPerMinute: 1000, concurrentRequests: 30, usdPerDay: 1000 };
        for (const tokens of sizes) {
          const call = await quotas.reserve(tenant(limits), { tokens, usd: 1 }).catch(() => undefined);
          await call?.settle(NOTHING_USED);
        }
        clock.now += 24 * HOUR;
        for (let index = 0; index < 64; index += 1) {
          await quotas.reserve(tenant({ requestsPerMinute: 1 }, `other-${index}`), NOTHING_USED);
        }
        assert.equal(store.size, 64, 'the tenant is at rest and was given up');
      }),
      { numRuns: 20 },
    );
  });
});
