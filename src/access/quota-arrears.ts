import { randomUUID } from 'node:crypto';
import { RedisUnavailable } from '../redis/errors.ts';
import type { Lease, Used } from './quota-store.ts';

/** A settlement that Redis does not know of, as far as it has answered. */
export interface Arrear {
  readonly lease: Lease;
  readonly used: Used;
  /** The lease is to be made first, whatever the limits are. */
  readonly mustCharge: boolean;
  /** Redis may know of it after all, so that it must not be told twice. */
  readonly isMaybeDone: boolean;
}

/** How arrears are paid. Both reject with RedisUnavailable. */
export interface Creditor {
  /** Makes the lease's charges, once, however often it is told. */
  readonly charge: (lease: Lease) => Promise<void>;
  readonly settle: (lease: Lease, used: Used, onlyOpen: boolean) => Promise<void>;
}

const NOTHING: Used = { tokens: 0, nanoUsd: 0 };
/** A charge is known by its lease for as long as hearing of it may take. */
const CHARGE_MS = 600_000;

/** What Redis is to be told once it can be reached again, each thing once, though any answer may be lost. */
export class QuotaArrears {
  readonly #creditor: Creditor;
  readonly #capacity: number;
  /** By id of the lease, the oldest first. */
  readonly #arrears = new Map<string, Arrear>();
  #isPaying = false;
  /** Arrears given up for lack of room. */
  dropped = 0;

  /** @param capacity most arrears; beyond, the oldest are given up, and their leases expire */
  constructor(creditor: Creditor, capacity: number) {
    this.#creditor = creditor;
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#arrears.size;
  }

  /** A lease that Redis may have made, or make yet, and that nobody uses. */
  cancel(lease: Lease): void {
    this.#owe({ lease, used: NOTHING, mustCharge: false, isMaybeDone: true });
  }

  /** @param isMaybeDone whether Redis was told, and has not answered */
  settle(lease: Lease, used: Used, isMaybeDone: boolean): void {
    this.#owe({ lease, used, mustCharge: false, isMaybeDone });
  }

  /** Dollars that were spent. They are charged by a lease, which then ends: that can be repeated until it is heard of. */
  spend(subject: string, nanoUsd: number, at: number): void {
    const charges = [{ quota: 'usd_per_day', limit: Number.MAX_VALUE, amount: nanoUsd }] as const;
    const lease: Lease = { id: randomUUID(), subject, at, expiresAt: at + CHARGE_MS, charges };
    this.#owe({ lease, used: { tokens: 0, nanoUsd }, mustCharge: true, isMaybeDone: true });
  }

  /** Tells Redis, until it is lost again. */
  async pay(): Promise<void> {
    if (this.#isPaying) return;
    this.#isPaying = true;
    try {
      for (const [id, arrear] of this.#arrears) {
        this.#arrears.delete(id);
        if (!(await this.#tell(arrear))) return;
      }
    } finally {
      this.#isPaying = false;
    }
  }

  async #tell(arrear: Arrear): Promise<boolean> {
    const { lease, used, isMaybeDone } = arrear;
    let { mustCharge } = arrear;
    try {
      if (mustCharge) await this.#creditor.charge(lease);
      mustCharge = false;
      await this.#creditor.settle(lease, used, isMaybeDone);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown;
      this.#owe({ lease, used, mustCharge, isMaybeDone: isMaybeDone || thrown.isMaybeDone });
      return false;
    }
  }

  #owe(arrear: Arrear): void {
    this.#arrears.set(arrear.lease.id, arrear);
    if (this.#arrears.size <= this.#capacity) return;
    const [oldest] = this.#arrears.keys();
    if (oldest !== undefined) this.#arrears.delete(oldest);
    this.dropped += 1;
  }
}
