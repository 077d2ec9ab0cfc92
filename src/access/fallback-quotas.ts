import { DailySums, dayOf } from './daily-sums.ts';
import { MemoryQuotaStore } from './memory-quota-store.ts';
import type { Charge, Lease, Refusal, Used } from './quota-store.ts';

/**
 * Quotas of one replica while it is on its own: each limit divided by the number of replicas, since all are likely to be
 * on their own at once. Of a day's dollars it takes its share of what was spent before, so that an outage does not bring
 * a new budget; what it spends is owed to the shared state.
 */
export class FallbackQuotas {
  readonly #store = new MemoryQuotaStore();
  readonly #replicas: { readonly count: number };
  /** Leases made here, by id, with the limits and charges that they were made with. */
  readonly #open = new Map<string, Lease>();
  /** Of what was spent before, how much the store has been told. */
  readonly #told = new DailySums();
  /** Billionths of a dollar that were used here and that the shared state does not know of. */
  readonly #owed = new DailySums();

  /** @param replicas how many share the limits, at any time */
  constructor(replicas: { readonly count: number }) {
    this.#replicas = replicas;
  }

  /** @param spent billionths of a dollar, spent by all replicas on the day of the lease as far as known */
  async reserve(lease: Lease, spent: number): Promise<Refusal | undefined> {
    const replicas = Math.max(1, this.#replicas.count);
    const own = { ...lease, charges: lease.charges.map((charge) => divided(charge, replicas)) };
    await this.#tell(own, Math.ceil(spent / replicas));
    const refusal = await this.#store.reserve(own);
    if (refusal === undefined) {
      this.#open.set(lease.id, own);
      return undefined;
    }
    const limit = lease.charges.find(({ quota }) => quota === refusal.quota)?.limit ?? refusal.limit;
    return { ...refusal, limit };
  }

  /** Settles a lease that was made here, and says whether it was. */
  async settle({ id }: Lease, used: Used, now: number): Promise<boolean> {
    const own = this.#open.get(id);
    if (own === undefined) return false;
    this.#open.delete(id);
    const hasBudget = own.charges.some(({ quota }) => quota === 'usd_per_day');
    if (hasBudget && used.nanoUsd > 0) this.#owed.add(own.subject, { day: dayOf(own.at), sum: used.nanoUsd });
    await this.#store.settle(own, used, now);
    return true;
  }

  /** The billionths of a dollar used on that day, by subject, that were not taken before. */
  takeOwed(day: number): readonly (readonly [subject: string, nanoUsd: number])[] {
    return this.#owed.take(day);
  }

  async #tell(lease: Lease, share: number): Promise<void> {
    const day = dayOf(lease.at);
    const more = share - this.#told.get(lease.subject, day);
    if (more <= 0) return;
    this.#told.set(lease.subject, { day, sum: share });
    const charges = lease.charges.filter(({ quota }) => quota === 'usd_per_day');
    const spending = { ...lease, charges: charges.map((charge) => ({ ...charge, amount: 0 })) };
    await this.#store.settle(spending, { tokens: 0, nanoUsd: more }, lease.at);
  }
}

/** A limit that lets anything through does so on each replica: one call rather than none. */
function divided(charge: Charge, replicas: number): Charge {
  return { ...charge, limit: Math.max(Math.min(1, charge.limit), Math.floor(charge.limit / replicas)) };
}
