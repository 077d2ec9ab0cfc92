/** A tenant's quotas, by their names in the configuration. */
export type QuotaName = 'requests_per_minute' | 'tokens_per_minute' | 'concurrent_requests' | 'usd_per_day';

/** What a call takes of one quota, in the quota's whole units: requests, tokens, calls, or billionths of a dollar. */
export interface Charge {
  readonly quota: QuotaName;
  /** A minute's refill and the size of the bucket; most calls at once; a UTC day's sum. */
  readonly limit: number;
  readonly amount: number;
}

/** A reservation: all its charges are made together, or none. */
export interface Lease {
  /** Unique among all replicas. */
  readonly id: string;
  /** Whose quotas they are. */
  readonly subject: string;
  /** When it is made, milliseconds since the epoch. */
  readonly at: number;
  /** When whoever made it is presumed dead, so that a concurrent call it holds is given back. */
  readonly expiresAt: number;
  readonly charges: readonly Charge[];
}

/** The quota that stands in the way longest. */
export interface Refusal {
  readonly quota: QuotaName;
  readonly limit: number;
  /** Milliseconds until the lease might be granted; absent where waiting cannot help. */
  readonly retryAfter?: number;
}

/** What a call has used in the end, in the quotas' units. */
export interface Used {
  readonly tokens: number;
  readonly nanoUsd: number;
}

/**
 * Where quotas are counted. Two operations, each atomic, each touching the state of one subject alone, so that each is
 * one Lua script over keys of one Redis Cluster slot:
 *
 *     {subject}:meters  hash    of requests and tokens: level, time, limit, units ever added; day, spent
 *     {subject}:leases  sorted  ids of open leases by expiry, each with the reading of the token meter
 *
 * The per-minute quotas are meters of a leaky bucket (ITU-T I.371; the same as GCRA): the level drains by the limit a
 * minute, and a charge is granted while the level leaves room for one unit. Over any minute, what is charged is at most
 * the limit (the refill), once more the limit (a full bucket) and the one charge that went over the brim.
 *
 * Operations may be asynchronous. They reject only on a bug: an implementation that cannot reach its backend answers
 * from local state instead, since losing it must not fail a call that could be served.
 */
export interface QuotaStore {
  /** Makes all charges of the lease and gives undefined, or makes none and says which quota refuses. */
  readonly reserve: (lease: Lease) => Promise<Refusal | undefined>;
  /**
   * Ends a lease, once: gives its concurrent call back, and corrects its tokens and dollars to what was `used`. More
   * than was reserved is added. Fewer tokens are given back as far as they are still in the bucket: those that drained
   * meanwhile have made room for others, and given back again they would make it twice. Dollars count for the day on
   * which the lease was made.
   *
   * @param now milliseconds since the epoch
   */
  readonly settle: (lease: Lease, used: Used, now: number) => Promise<void>;
}
