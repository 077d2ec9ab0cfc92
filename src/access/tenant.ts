/** What a tenant may use up. An absent limit is none; 0 allows nothing. */
export interface TenantLimits {
  readonly requestsPerMinute?: number | undefined;
  /** Input tokens (cache reads left out, as the upstream's own limits do) plus output tokens. */
  readonly tokensPerMinute?: number | undefined;
  /** Calls under way at once, streams until their end. */
  readonly concurrentRequests?: number | undefined;
  /** List price of what the calls of one UTC day cost, in USD. */
  readonly usdPerDay?: number | undefined;
}

/** One of the relay's callers: what it may do. Holds no credential, so that it may be shown anywhere. */
export interface Tenant {
  /** Unique; what calls, metrics, caches and quotas know the tenant by. */
  readonly name: string;
  /** Share of contended capacity, relative to other tenants; positive. */
  readonly weight: number;
  /** Patterns of model ids (`*` is a wildcard); an empty list allows none. */
  readonly models: readonly string[];
  /** Patterns of RPCs, see `mayCall`; an empty list allows none. */
  readonly rpcs: readonly string[];
  /** Patterns of region names; an empty list allows none. */
  readonly regions: readonly string[];
  readonly limits: TenantLimits;
}

const EVERYTHING: readonly string[] = ['*'];

/** Who calls a relay for which no tenant is configured: may do everything. */
export const ANONYMOUS: Tenant = {
  name: 'anonymous',
  weight: 1,
  models: EVERYTHING,
  rpcs: EVERYTHING,
  regions: EVERYTHING,
  limits: {},
};
