const MINUTE_MS = 60_000;

/**
 * The generic cell rate algorithm (ITU-T I.371, Annex A) in its virtual-scheduling form: one number, the theoretical
 * arrival time, says how far ahead of an even flow the traffic is. In any minute it lets through at most the limit plus
 * one burst; a single call larger than the burst passes only when the bucket is full, and then counts as the burst.
 */
export class Gcra {
  /** Limit a minute, burst, milliseconds a unit, theoretical arrival time: one array, since every call reads all four. */
  readonly #numbers = new Float64Array(4);

  /** @param burst units that may pass at once after a pause; at least one unit */
  constructor(limit: number, burst: number) {
    this.#set(limit, burst);
    this.#numbers[ARRIVAL] = Number.NEGATIVE_INFINITY;
  }

  /** Units a minute. */
  get limit(): number {
    return this.#numbers[LIMIT] ?? 0;
  }

  /** Milliseconds until so many units may pass; 0 when they may now. */
  waitFor(units: number, now: number): number {
    const spare = this.#burst - Math.min(units, this.#burst);
    const wait = Math.max(this.#arrival - now, 0) - spare * this.#msPerUnit;
    // Below a nanosecond it is rounding: waiting for it would make a call wait for a moment that never comes.
    return wait > 1e-6 ? wait : 0;
  }

  take(units: number, now: number): void {
    this.#numbers[ARRIVAL] = Math.max(this.#arrival, now) + units * this.#msPerUnit;
  }

  /** Returns units that were taken and not used; a negative number takes more. */
  giveBack(units: number): void {
    this.#numbers[ARRIVAL] = this.#arrival - units * this.#msPerUnit;
  }

  /** Units that could pass now; negative while traffic is ahead by more than a burst. */
  available(now: number): number {
    return this.#burst - Math.max(0, this.#arrival - now) / this.#msPerUnit;
  }

  /** Takes another's word that no more than so many units could pass now (negative: not before some have come back). */
  lowerTo(available: number, now: number): void {
    const arrival = now + (this.#burst - Math.min(available, this.#burst)) * this.#msPerUnit;
    this.#numbers[ARRIVAL] = Math.max(this.#arrival, arrival);
  }

  /** Changes the limit; what was let through so far keeps its weight in units. */
  resize(limit: number, burst: number, now: number): void {
    if (limit === this.limit) return;
    const ahead = Math.max(0, this.#arrival - now) / this.#msPerUnit;
    this.#set(limit, burst);
    this.#numbers[ARRIVAL] = now + ahead * this.#msPerUnit;
  }

  get #burst(): number {
    return this.#numbers[BURST] ?? 1;
  }

  get #msPerUnit(): number {
    return this.#numbers[MS_PER_UNIT] ?? 0;
  }

  get #arrival(): number {
    return this.#numbers[ARRIVAL] ?? 0;
  }

  #set(limit: number, burst: number): void {
    this.#numbers[LIMIT] = limit;
    this.#numbers[BURST] = Math.max(1, burst);
    this.#numbers[MS_PER_UNIT] = MINUTE_MS / limit;
  }
}

const LIMIT = 0;
const BURST = 1;
const MS_PER_UNIT = 2;
const ARRIVAL = 3;
