const REMEMBERED = 256;
/** Fewer observations say nothing of a tail. */
const ENOUGH = 32;
/** The quantile is worked out anew after so many observations: sorting at each would cost more than the call. */
const STEP = 32;

/** A quantile of the latest observations. */
export class RollingQuantile {
  readonly #quantile: number;
  readonly #observed = new Float64Array(REMEMBERED);
  #count = 0;
  /** Undefined while too little was observed. */
  value: number | undefined;

  /** @param quantile in (0, 1), e.g. 0.95 */
  constructor(quantile: number) {
    this.#quantile = quantile;
  }

  observe(value: number): void {
    this.#observed[this.#count % REMEMBERED] = value;
    this.#count++;
    if (this.#count < ENOUGH || this.#count % STEP !== 0) return;
    const sorted = this.#observed.slice(0, this.#count).sort();
    this.value = sorted[Math.min(sorted.length - 1, Math.floor(this.#quantile * sorted.length))];
  }
}
