import type { RedisConnection } from '../redis/connection.ts';
import { RedisUnavailable } from '../redis/errors.ts';
import { DailySums, type DaySum, dayOf } from './daily-sums.ts';
import { FallbackQuotas } from './fallback-quotas.ts';
import { LeaseRenewal, type QuotaClock } from './lease-renewal.ts';
import { QuotaArrears } from './quota-arrears.ts';
import type { Lease, QuotaStore, Refusal, Used } from './quota-store.ts';
import { RedisQuotaScripts } from './redis-quota-scripts.ts';

export interface RedisQuotaStoreOptions {
  readonly redis: Pick<RedisConnection, 'run' | 'onChange'>;
  /** How many replicas divide the limits among them while Redis is lost. */
  readonly replicas: { readonly count: number };
  /** How long a lease outlives the replica that holds it, in milliseconds; it is renewed meanwhile. A minute suits. */
  readonly leaseMs: number;
  /** Most settlements put off while Redis is lost; beyond, the oldest are given up, and what they held expires. */
  readonly maxArrears: number;
  readonly clock: QuotaClock;
}

/** What the store did since it was made. */
export interface RedisQuotaMetrics {
  /** Reservations that Redis decided. */
  readonly shared: number;
  /** Reservations that were decided here, because Redis could not be asked. */
  readonly local: number;
  /** Settlements that Redis is to be told yet. */
  readonly arrears: number;
  readonly arrearsDropped: number;
}

/**
 * Quotas that replicas share in Redis. While Redis is lost each replica goes on by itself, with its part of every limit;
 * when it is back it is told, each once, the dollars that were spent and the calls that have ended meanwhile. What is
 * counted by the minute is not told: it would have drained.
 *
 * A lease lasts only as long as it is renewed, so that the concurrent calls of a replica that crashed are given back
 * soon. A Redis that was restarted empty is told what is held, and begins the day's dollars from what the first replica
 * to come has last seen.
 */
export class RedisQuotaStore implements QuotaStore {
  readonly #scripts: RedisQuotaScripts;
  readonly #fallback: FallbackQuotas;
  readonly #renewal: LeaseRenewal;
  readonly #arrears: QuotaArrears;
  readonly #clock: QuotaClock;
  /** Billionths of a dollar spent by all replicas, as Redis told last. */
  readonly #seen = new DailySums();
  readonly #stopListening: () => void;
  #shared = 0;
  #local = 0;

  constructor({ redis, replicas, leaseMs, maxArrears, clock }: RedisQuotaStoreOptions) {
    this.#clock = clock;
    this.#scripts = new RedisQuotaScripts((script, keys, args) => redis.run(script, keys, args));
    this.#fallback = new FallbackQuotas(replicas);
    this.#renewal = new LeaseRenewal(this.#scripts, leaseMs, clock);
    const creditor = {
      charge: (lease: Lease) => this.#charge(lease),
      settle: (lease: Lease, used: Used, onlyOpen: boolean) => this.#settle(lease, used, clock.wallNow(), onlyOpen),
    };
    this.#arrears = new QuotaArrears(creditor, maxArrears);
    this.#stopListening = redis.onChange((state) => {
      if (state !== 'up') return;
      void this.#renewal.renew();
      this.#catchUp();
    });
  }

  get metrics(): RedisQuotaMetrics {
    const { size, dropped } = this.#arrears;
    return { shared: this.#shared, local: this.#local, arrears: size, arrearsDropped: dropped };
  }

  async reserve(lease: Lease): Promise<Refusal | undefined> {
    try {
      const expiresAt = this.#renewal.expiryOf(lease, lease.at);
      const { refusal, spent } = await this.#scripts.reserve(lease, expiresAt, this.#seenOn(lease));
      this.#seen.set(lease.subject, spent);
      this.#shared += 1;
      if (refusal === undefined) this.#renewal.hold(lease);
      this.#catchUp();
      return refusal;
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown;
      if (thrown.isMaybeDone) this.#arrears.cancel(lease);
      this.#local += 1;
      return this.#fallback.reserve(lease, this.#seenOn(lease).sum);
    }
  }

  async settle(lease: Lease, used: Used, now: number): Promise<void> {
    if (await this.#fallback.settle(lease, used, now)) return;
    this.#renewal.release(lease);
    try {
      await this.#settle(lease, used, now, false);
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown;
      this.#arrears.settle(lease, used, thrown.isMaybeDone);
    }
  }

  /** Ends what goes on in the background. Leases that are still held expire. */
  close(): void {
    this.#stopListening();
    this.#renewal.close();
  }

  async #charge(lease: Lease): Promise<void> {
    const { spent } = await this.#scripts.charge(lease, lease.expiresAt, this.#seenOn(lease));
    this.#seen.set(lease.subject, spent);
  }

  async #settle(lease: Lease, used: Used, now: number, onlyOpen: boolean): Promise<void> {
    const spent = await this.#scripts.settle(lease, used, this.#seenOn(lease), { now, onlyOpen });
    this.#seen.set(lease.subject, spent);
  }

  /** Redis answers: tells it what it has missed. */
  #catchUp(): void {
    const now = this.#clock.wallNow();
    for (const [subject, nanoUsd] of this.#fallback.takeOwed(dayOf(now))) this.#arrears.spend(subject, nanoUsd, now);
    if (this.#arrears.size > 0) void this.#arrears.pay();
  }

  #seenOn({ subject, at }: Lease): DaySum {
    const day = dayOf(at);
    return { day, sum: this.#seen.get(subject, day) };
  }
}
