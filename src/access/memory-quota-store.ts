import type { Charge, Lease, QuotaStore, Refusal, Used } from './quota-store.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** A concurrent call ends nobody knows when: a guess that keeps the refused from spinning. */
const CONCURRENCY_RETRY_MS = 1000;

/** Levels drain by fractions, whose rounding must not cost a whole unit. */
const ROUNDING = 1e-6;

const SWEEP_AT = 64;

/** The meter of a leaky bucket: as large as a minute's limit, and draining by it. */
interface Meter {
  level: number;
  /** When `level` was read, milliseconds since the epoch. */
  at: number;
  /** Units ever added: `added - level` of them have drained or were given back. */
  added: number;
  limit: number;
}

interface OpenLease {
  readonly expiresAt: number;
  /** `added` of the token meter right after this lease's charge: where its units end, first in first out. */
  readonly tokensEnd: number;
}

interface Counters {
  readonly requests: Meter;
  readonly tokens: Meter;
  /** UTC day, in days since the epoch, that `spent` is of. */
  day: number;
  /** Billionths of a dollar, reserved and used: whole numbers, so that sums stay exact. */
  spent: number;
  /** The oldest first. */
  readonly leases: Map<string, OpenLease>;
}

/** Quotas of one process, in its memory. A restart forgets them: what must outlast one belongs into a shared store. */
export class MemoryQuotaStore implements QuotaStore {
  readonly #counters = new Map<string, Counters>();
  /** Subjects known when the ones at rest are next dropped. */
  #sweepAt = SWEEP_AT;

  /** Subjects with something to remember. */
  get size(): number {
    return this.#counters.size;
  }

  /** Everything is done by the time that the promise is handed out: that is what makes it atomic. */
  reserve(lease: Lease): Promise<Refusal | undefined> {
    return new Promise((resolve) => {
      resolve(this.#reserve(lease));
    });
  }

  settle(lease: Lease, used: Used, now: number): Promise<void> {
    return new Promise((resolve) => {
      this.#settle(lease, used, now);
      resolve();
    });
  }

  #reserve(lease: Lease): Refusal | undefined {
    const counters = this.#of(lease.subject, lease.at);
    advance(counters, lease.at);
    let refusal: Refusal | undefined;
    for (const charge of lease.charges) {
      const wait = waitFor(charge, counters, lease.at);
      if (wait === 0 || (refusal !== undefined && wait <= (refusal.retryAfter ?? Number.POSITIVE_INFINITY))) continue;
      const { quota, limit } = charge;
      refusal = Number.isFinite(wait) ? { quota, limit, retryAfter: wait } : { quota, limit };
    }
    if (refusal !== undefined) return refusal;

    for (const { quota, amount } of lease.charges) {
      if (quota === 'requests_per_minute') add(counters.requests, amount);
      if (quota === 'tokens_per_minute') add(counters.tokens, amount);
      if (quota === 'usd_per_day') counters.spent += amount;
    }
    counters.leases.set(lease.id, { expiresAt: lease.expiresAt, tokensEnd: counters.tokens.added });
    return undefined;
  }

  #settle(lease: Lease, used: Used, now: number): void {
    const counters = this.#of(lease.subject, now);
    const open = counters.leases.get(lease.id);
    counters.leases.delete(lease.id);
    advance(counters, now);
    for (const { quota, amount } of lease.charges) {
      if (quota === 'tokens_per_minute') correct(counters.tokens, used.tokens - amount, amount, open);
      if (quota === 'usd_per_day' && dayOf(lease.at) === counters.day) counters.spent += used.nanoUsd - amount;
    }
  }

  #of(subject: string, now: number): Counters {
    const known = this.#counters.get(subject);
    if (known !== undefined) return known;
    if (this.#counters.size >= this.#sweepAt) this.#sweep(now);
    const counters = { requests: meter(now), tokens: meter(now), day: dayOf(now), spent: 0, leases: new Map() };
    this.#counters.set(subject, counters);
    return counters;
  }

  /** Drops subjects at rest, which cannot be told from unknown ones; rarely enough to cost nothing a call. */
  #sweep(now: number): void {
    for (const [subject, counters] of this.#counters) {
      advance(counters, now);
      const { requests, tokens, spent, leases } = counters;
      if (requests.level === 0 && tokens.level === 0 && spent === 0 && leases.size === 0) {
        this.#counters.delete(subject);
      }
    }
    this.#sweepAt = Math.max(SWEEP_AT, this.#counters.size * 2);
  }
}

function dayOf(time: number): number {
  return Math.floor(time / DAY);
}

function meter(now: number): Meter {
  return { level: 0, at: now, added: 0, limit: 0 };
}

/** Lets time pass; a clock that was set back stands still until it has caught up. */
function advance(counters: Counters, now: number): void {
  drain(counters.requests, now);
  drain(counters.tokens, now);
  if (dayOf(now) > counters.day) {
    counters.day = dayOf(now);
    counters.spent = 0;
  }
  for (const [id, lease] of counters.leases) {
    if (lease.expiresAt > now) break;
    counters.leases.delete(id);
  }
}

function drain(meter: Meter, now: number): void {
  if (now <= meter.at) return;
  meter.level = Math.max(0, meter.level - ((now - meter.at) / MINUTE) * meter.limit);
  meter.at = now;
}

function add(meter: Meter, units: number): void {
  meter.level += units;
  meter.added += units;
}

function correct(meter: Meter, change: number, reserved: number, open: OpenLease | undefined): void {
  if (change >= 0) {
    add(meter, change);
    return;
  }
  const gone = meter.added - meter.level;
  const left = open === undefined ? 0 : Math.min(reserved, Math.max(0, open.tokensEnd - gone));
  meter.level -= Math.min(-change, left);
}

/** Milliseconds until one more unit fits; 0 where it does now, infinite where it never will. */
function waitFor({ quota, limit }: Charge, counters: Counters, now: number): number {
  if (quota === 'requests_per_minute') return waitForMeter(counters.requests, limit);
  if (quota === 'tokens_per_minute') return waitForMeter(counters.tokens, limit);
  const taken = quota === 'concurrent_requests' ? counters.leases.size : counters.spent;
  if (taken < limit) return 0;
  if (limit <= 0) return Number.POSITIVE_INFINITY;
  return quota === 'concurrent_requests' ? CONCURRENCY_RETRY_MS : (counters.day + 1) * DAY - now;
}

function waitForMeter(meter: Meter, limit: number): number {
  meter.limit = limit;
  const over = meter.level + 1 - limit;
  if (over <= ROUNDING) return 0;
  return limit < 1 ? Number.POSITIVE_INFINITY : Math.ceil(((over - ROUNDING) / limit) * MINUTE);
}
