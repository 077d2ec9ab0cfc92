const MINUTE_MS = 60_000;

/**
 * The generic cell rate algorithm (ITU-T I.371, Annex A) in its virtual-scheduling form: one number, the theoretical
 * arrival time, says how far ahead of an even flow the traffic is. In any minute it lets through at most the limit plus
 * one burst; a single call larger than the burst passes only when the bucket is full, and then counts as the burst.
 */
export class Gcra {
  /** Units a minute. */
  limit: number;
  #burst: number;
  #msPerUnit: number;
  #theoreticalArrival = Number.NEGATIVE_INFINITY;

  /** @param burst units that may pass at once after a pause; at least one unit */
  constructor(limit: number, burst: number) {
    this.limit = limit;
    this.#burst = Math.max(1, burst);
    this.#msPerUnit = MINUTE_MS / limit;
  }

  /** Milliseconds until so many units may pass; 0 when they may now. */
  waitFor(units: number, now: number): number {
    const start = Math.max(this.#theoreticalArrival, now);
    const wait = start - now - (this.#burst - Math.min(units, this.#burst)) * this.#msPerUnit;
    // Below a nanosecond it is rounding: waiting for it would make a call wait for a moment that never comes.
    return wait > 1e-6 ? wait : 0;
  }

  take(units: number, now: number): void {
    this.#theoreticalArrival = Math.max(this.#theoreticalArrival, now) + units * this.#msPerUnit;
  }

  /** Returns units that were taken and not used; a negative number takes more. */
  giveBack(units: number): void {
    this.#theoreticalArrival -= units * this.#msPerUnit;
  }

  /** Units that could pass now; negative while traffic is ahead by more than a burst. */
  available(now: number): number {
    return this.#burst - Math.max(0, this.#theoreticalArrival - now) / this.#msPerUnit;
  }

  /** Takes another's word that no more than so many units could pass now (negative: not before some have come back). */
  lowerTo(available: number, now: number): void {
    this.#theoreticalArrival = Math.max(
      this.#theoreticalArrival,
      now + (this.#burst - Math.min(available, this.#burst)) * this.#msPerUnit,
    );
  }

  /** Changes the limit; what was let through so far keeps its weight in units. */
  resize(limit: number, burst: number, now: number): void {
    if (limit === this.limit) return;
    const ahead = Math.max(0, this.#theoreticalArrival - now) / this.#msPerUnit;
    this.limit = limit;
    this.#burst = Math.max(1, burst);
    this.#msPerUnit = MINUTE_MS / limit;
    this.#theoreticalArrival = now + ahead * this.#msPerUnit;
  }
}
