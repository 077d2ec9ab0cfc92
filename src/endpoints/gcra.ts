const MINUTE_MS = 60_000;

/** Numbers of one bucket: limit a minute (0: no bucket), burst, milliseconds a unit, theoretical arrival time. */
const WIDTH = 4;
const LIMIT = 0;
const BURST = 1;
const MS_PER_UNIT = 2;
const ARRIVAL = 3;

/**
 * Buckets of the generic cell rate algorithm (ITU-T I.371, Annex A) in its virtual-scheduling form: one number each, the
 * theoretical arrival time, says how far ahead of an even flow the traffic is. In any minute a bucket lets through at most
 * its limit plus one burst; a single call larger than the burst passes only when the bucket is full, and then counts as the
 * burst. The buckets that a call meets together lie side by side in one array: every call reads them all, and with thousands
 * of organizations none of them is in the processor's cache.
 */
export class GcraBank {
  readonly #numbers: Float64Array;

  constructor(buckets: number) {
    this.#numbers = new Float64Array(buckets * WIDTH);
  }

  /** Units a minute; 0 where there is no such bucket, through which everything passes. */
  limit(bucket: number): number {
    return this.#numbers[bucket * WIDTH + LIMIT] ?? 0;
  }

  /**
   * Makes a bucket or changes its limit; what was let through so far keeps its weight in units.
   *
   * @param burst units that may pass at once after a pause; at least one unit
   */
  setLimit(bucket: number, limit: number, burst: number, now: number): void {
    const at = bucket * WIDTH;
    const before = this.limit(bucket);
    if (limit === before) return;
    const ahead = before === 0 ? 0 : this.#ahead(at, now);
    this.#numbers[at + LIMIT] = limit;
    this.#numbers[at + BURST] = Math.max(1, burst);
    this.#numbers[at + MS_PER_UNIT] = MINUTE_MS / limit;
    this.#numbers[at + ARRIVAL] = before === 0 ? Number.NEGATIVE_INFINITY : now + ahead * this.#get(at + MS_PER_UNIT);
  }

  /** Milliseconds until so many units may pass; 0 when they may now. */
  waitFor(bucket: number, units: number, now: number): number {
    const at = bucket * WIDTH;
    if (this.#get(at + LIMIT) === 0) return 0;
    const burst = this.#get(at + BURST);
    const spare = burst - Math.min(units, burst);
    const wait = Math.max(this.#get(at + ARRIVAL) - now, 0) - spare * this.#get(at + MS_PER_UNIT);
    // Below a nanosecond it is rounding: waiting for it would make a call wait for a moment that never comes.
    return wait > 1e-6 ? wait : 0;
  }

  take(bucket: number, units: number, now: number): void {
    const at = bucket * WIDTH;
    const start = Math.max(this.#get(at + ARRIVAL), now);
    this.#numbers[at + ARRIVAL] = start + units * this.#get(at + MS_PER_UNIT);
  }

  /** Returns units that were taken and not used; a negative number takes more. */
  giveBack(bucket: number, units: number): void {
    const at = bucket * WIDTH;
    this.#numbers[at + ARRIVAL] = this.#get(at + ARRIVAL) - units * this.#get(at + MS_PER_UNIT);
  }

  /** Units that could pass now; negative while traffic is ahead by more than a burst. */
  available(bucket: number, now: number): number {
    const at = bucket * WIDTH;
    return this.#get(at + BURST) - this.#ahead(at, now);
  }

  /** Takes another's word that no more than so many units could pass now (negative: not before some have come back). */
  lowerTo(bucket: number, available: number, now: number): void {
    const at = bucket * WIDTH;
    const burst = this.#get(at + BURST);
    const arrival = now + (burst - Math.min(available, burst)) * this.#get(at + MS_PER_UNIT);
    this.#numbers[at + ARRIVAL] = Math.max(this.#get(at + ARRIVAL), arrival);
  }

  /** Units by which traffic is ahead of the even flow. */
  #ahead(at: number, now: number): number {
    return Math.max(0, this.#get(at + ARRIVAL) - now) / this.#get(at + MS_PER_UNIT);
  }

  #get(at: number): number {
    return this.#numbers[at] ?? 0;
  }
}
