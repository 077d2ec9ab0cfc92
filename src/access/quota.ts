import { randomUUID } from 'node:crypto';
import { RelayError } from '../completion/errors.ts';
import type { Charge, Lease, QuotaName, QuotaStore, Refusal } from './quota-store.ts';
import type { Tenant, TenantLimits } from './tenant.ts';

/** What a call uses up beside being one. */
export interface Consumption {
  readonly tokens: number;
  readonly usd: number;
}

/** Nothing was used: a cached answer, a call that no upstream has seen. */
export const NOTHING_USED: Consumption = { tokens: 0, usd: 0 };

/** What a call holds until it is over. */
export interface Reservation {
  /** Gives back what was not used, and charges what was used beyond; further calls do nothing. */
  readonly settle: (used: Consumption) => Promise<void>;
}

/** Longer than any call may take; a concurrent call that nobody has ended by then belonged to a process that died. */
const LEASE_MS = 2 * 3_600_000;

const NANO = 1e9;

const UNLIMITED: Reservation = { settle: () => Promise.resolve() };

/**
 * The tenants' quotas. A call reserves its estimate before it costs anything and settles what it has used when it is
 * over, on every exit. As long as a quota has anything left a call is let in, whatever its estimate: so at most one
 * call's estimate is overspent, and the rest of a budget is not out of reach for callers with a generous `max_tokens`.
 */
export class Quotas {
  readonly #store: QuotaStore;
  readonly #now: () => number;

  /** @param now milliseconds since the epoch */
  constructor(store: QuotaStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** @throws RelayError QUOTA_EXCEEDED or BUDGET_EXCEEDED, with the quota that stands in the way longest */
  async reserve(tenant: Tenant, estimate: Consumption): Promise<Reservation> {
    const charges = chargesOf(tenant.limits, estimate);
    if (charges.length === 0) return UNLIMITED;
    const at = this.#now();
    const lease: Lease = { id: randomUUID(), subject: tenant.name, at, expiresAt: at + LEASE_MS, charges };
    const refusal = await this.#store.reserve(lease);
    if (refusal !== undefined) throw refused(tenant, refusal);
    let open = true;
    return {
      settle: async ({ tokens, usd }) => {
        if (!open) return;
        open = false;
        await this.#store.settle(lease, { tokens, nanoUsd: nano(usd) }, this.#now());
      },
    };
  }
}

/** Rounded up: many small calls must not come for free. */
function nano(usd: number): number {
  return Math.ceil(usd * NANO);
}

function chargesOf(limits: TenantLimits, estimate: Consumption): Charge[] {
  const all: readonly (readonly [quota: QuotaName, limit: number | undefined, amount: number])[] = [
    ['requests_per_minute', limits.requestsPerMinute, 1],
    ['tokens_per_minute', limits.tokensPerMinute, estimate.tokens],
    ['concurrent_requests', limits.concurrentRequests, 1],
    ['usd_per_day', limits.usdPerDay === undefined ? undefined : nano(limits.usdPerDay), nano(estimate.usd)],
  ];
  return all.flatMap(([quota, limit, amount]) =>
    limit === undefined || amount === 0 ? [] : [{ quota, limit, amount }],
  );
}

const ADVICE: Readonly<Record<QuotaName, string>> = {
  requests_per_minute: 'Send fewer calls a minute, or have the limit raised.',
  tokens_per_minute: 'Send fewer tokens a minute, lower max_tokens, or have the limit raised.',
  concurrent_requests: 'Wait for calls under way to end, or have the limit raised.',
  usd_per_day: 'It is renewed at midnight UTC. Have the limit raised if that is too late.',
};

function refused(tenant: Tenant, { quota, limit, retryAfter }: Refusal): RelayError {
  const shown = String(quota === 'usd_per_day' ? limit / NANO : limit);
  return new RelayError(
    quota === 'usd_per_day' ? 'BUDGET_EXCEEDED' : 'QUOTA_EXCEEDED',
    `Tenant ${tenant.name} has used up its ${quota} of ${shown}. ${ADVICE[quota]}`,
    {
      ...(retryAfter === undefined ? {} : { retryAfter }),
      metadata: { quota, limit: shown, subject: `tenant:${tenant.name}` },
    },
  );
}
