import { Bill } from '../access/bill.ts';
import { requireModel, requireRegion } from '../access/permissions.ts';
import { NOTHING_USED, type Quotas } from '../access/quota.ts';
import type { Tenant } from '../access/tenant.ts';
import type { Call } from '../completion/call.ts';
import { asRelayError, RelayError } from '../completion/errors.ts';
import type { PriceBook } from '../completion/price.ts';
import { type Reply, whenSettled } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';

export interface AdmitOptions {
  readonly tenants: { readonly get: (name: string) => Tenant | undefined };
  readonly quotas: Quotas;
  readonly prices: PriceBook;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of a failure to settle, which is a bug of the quota store, once the call is over and nobody waits for it. */
  readonly report: (error: unknown) => void;
}

/**
 * Lets in the calls that their tenant may make and can afford: refuses models and regions that it may not use, reserves
 * what the call is expected to take of its quotas, and settles what was used when the answer is over, whichever way it
 * ends. Hands on the tenant's weight, and its region where it has but one. Stands above whatever costs or waits, and
 * above the cache, whose hits count as requests.
 *
 * Throws PERMISSION_DENIED, QUOTA_EXCEEDED and BUDGET_EXCEEDED; UNAUTHENTICATED where the tenant is gone meanwhile.
 */
export function admit({ tenants, quotas, prices, now, report }: AdmitOptions): Layer {
  async function reserved(next: Service, tenant: Tenant, call: Call): Promise<Reply> {
    const bill = isBilled(tenant, call) ? new Bill(call, prices, now) : undefined;
    const reservation = await quotas.reserve(tenant, bill?.expected() ?? NOTHING_USED);
    try {
      const reply = await next(call);
      whenSettled(reply, ({ usage }) => {
        reservation.settle(bill?.settled(usage) ?? NOTHING_USED).catch(report);
      });
      return reply;
    } catch (thrown) {
      reservation.settle(bill?.failed(thrown) ?? NOTHING_USED).catch(report);
      throw thrown;
    }
  }

  return (next) => (call) => {
    try {
      const tenant = tenants.get(call.tenant);
      if (tenant === undefined)
        throw new RelayError('UNAUTHENTICATED', 'The tenant of this call is not configured now.');
      const admitted = permitted(tenant, call);
      return isLimited(tenant) ? reserved(next, tenant, admitted) : next(admitted);
    } catch (thrown) {
      return Promise.reject(asRelayError(thrown));
    }
  };
}

/** The call with what its tenant's settings say about where and how soon it runs. */
function permitted(tenant: Tenant, call: Call): Call {
  if (call.operation !== 'models') requireModel(tenant, call.model);
  const { routing } = call;
  const region = requireRegion(tenant, routing.region);
  if (region === routing.region && tenant.weight === routing.tenantWeight) return call;
  return { ...call, routing: { ...routing, region, tenantWeight: tenant.weight } };
}

function isLimited({ limits }: Tenant): boolean {
  const { requestsPerMinute, tokensPerMinute, concurrentRequests, usdPerDay } = limits;
  return (requestsPerMinute ?? tokensPerMinute ?? concurrentRequests ?? usdPerDay) !== undefined;
}

/** Counting tokens and listing models is free. */
function isBilled({ limits }: Tenant, { operation }: Call): boolean {
  return operation === 'messages' && (limits.tokensPerMinute !== undefined || limits.usdPerDay !== undefined);
}
