import type { Clock } from '../endpoints/clock.ts';

const SLICES = 10;
const SLICE_MS = 1_000;
/** Retries a second that are allowed whatever the traffic, so that a relay with few calls may retry at all. */
const RESERVE_PER_SECOND = 1;

/**
 * Retries are paid from what the traffic of the last ten seconds has brought in, not counted per call (Finagle,
 * `RetryBudget.scala`): when everything fails, the upstream gets a fifth more than its traffic and not four times as much.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #clock: Clock;
  readonly #slices = new Float64Array(SLICES);
  #slice = 0;

  /** @param ratio retries for each call, over time; 0 allows none */
  constructor(ratio: number, clock: Clock) {
    this.#ratio = ratio;
    this.#clock = clock;
  }

  /** Whether retries are wanted at all. */
  get allowsRetries(): boolean {
    return this.#ratio > 0;
  }

  /** A call came: brings in its share. */
  deposit(): void {
    this.#turn();
    this.#add(this.#ratio);
  }

  /** Takes what one retry costs, if it is there. */
  withdraw(): boolean {
    this.#turn();
    const reserve = this.#ratio === 0 ? 0 : RESERVE_PER_SECOND * SLICES;
    let balance = reserve;
    for (const slice of this.#slices) balance += slice;
    // A fifth added five times is a little less than one.
    if (balance < 1 - 1e-9) return false;
    this.#add(-1);
    return true;
  }

  #add(amount: number): void {
    const index = this.#slice % SLICES;
    this.#slices[index] = (this.#slices[index] ?? 0) + amount;
  }

  #turn(): void {
    const current = Math.floor(this.#clock.now() / SLICE_MS);
    if (current - this.#slice >= SLICES) this.#slices.fill(0);
    else for (let slice = this.#slice + 1; slice <= current; slice++) this.#slices[slice % SLICES] = 0;
    this.#slice = current;
  }
}
