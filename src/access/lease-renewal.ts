import { ignoreUnavailable } from '../redis/errors.ts';
import type { Lease } from './quota-store.ts';
import type { RedisQuotaScripts } from './redis-quota-scripts.ts';

/** Time, handed in. Milliseconds. */
export interface QuotaClock {
  /** Since the epoch; replicas' may differ by a few seconds. */
  wallNow(): number;
  /** Runs once after so many milliseconds; the returned function calls it off. */
  after(milliseconds: number, run: () => void): () => void;
}

/** A lease may miss two renewals. */
const RENEWALS = 3;

/**
 * Keeps the leases in Redis that this replica holds from expiring: they end soon after the replica does, so that the
 * concurrent calls of one that crashed do not count for hours. Where nothing is held, nothing is sent.
 */
export class LeaseRenewal {
  readonly #scripts: RedisQuotaScripts;
  readonly #leaseMs: number;
  readonly #clock: QuotaClock;
  /** By subject and id. */
  readonly #held = new Map<string, Map<string, Lease>>();
  #cancelRenewal: (() => void) | undefined;

  /** @param leaseMs how long a lease lasts that is not renewed */
  constructor(scripts: RedisQuotaScripts, leaseMs: number, clock: QuotaClock) {
    this.#scripts = scripts;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  /** When a lease that is made or renewed now expires in Redis. */
  expiryOf({ expiresAt }: Lease, now: number): number {
    return Math.min(expiresAt, now + this.#leaseMs);
  }

  hold(lease: Lease): void {
    const leases = this.#held.get(lease.subject);
    if (leases === undefined) this.#held.set(lease.subject, new Map([[lease.id, lease]]));
    else leases.set(lease.id, lease);
    this.#cancelRenewal ??= this.#renewLater();
  }

  release({ subject, id }: Lease): void {
    const leases = this.#held.get(subject);
    leases?.delete(id);
    if (leases?.size === 0) this.#held.delete(subject);
  }

  /** Renews what is held; brings it back where Redis has lost it. What Redis does not hear now, it hears next time. */
  async renew(): Promise<void> {
    const now = this.#clock.wallNow();
    for (const lease of [...this.#held.values()].flatMap((leases) => [...leases.values()])) {
      if (lease.expiresAt <= now) this.release(lease);
    }
    if (this.#held.size === 0) return;
    this.#cancelRenewal ??= this.#renewLater();
    const renewals = [...this.#held].map(([subject, leases]) => {
      const renewed = [...leases.values()].map((lease) => ({ id: lease.id, expiresAt: this.expiryOf(lease, now) }));
      return this.#scripts.renew(subject, renewed, this.#leaseMs).catch(ignoreUnavailable);
    });
    await Promise.all(renewals);
  }

  close(): void {
    this.#cancelRenewal?.();
    this.#held.clear();
  }

  #renewLater(): () => void {
    return this.#clock.after(this.#leaseMs / RENEWALS, () => {
      this.#cancelRenewal = undefined;
      void this.renew();
    });
  }
}
