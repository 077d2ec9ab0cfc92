/** How fast the memory of a slow answer fades: Finagle's default for PeakEwma. */
const DECAY_MS = 10_000;

/**
 * Time to first byte as a peak-sensitive moving average (Finagle, `PeakEwma.scala`): it jumps to a slower observation at
 * once and forgets it slowly, and it fades while nothing is observed, so that a slow endpoint is asked again some time.
 */
export class PeakEwma {
  #seed: number;
  #value = 0;
  #at = 0;

  /** @param seed milliseconds assumed while nothing was observed */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Round-trip time of a probe: the floor that the estimate fades to. */
  seed(milliseconds: number): void {
    this.#seed = milliseconds;
  }

  observe(milliseconds: number, now: number): void {
    const faded = this.estimate(now);
    const weight = Math.exp(-Math.max(0, now - this.#at) / DECAY_MS);
    this.#value = milliseconds > faded ? milliseconds : this.#value * weight + milliseconds * (1 - weight);
    this.#at = now;
  }

  /** Milliseconds; positive. */
  estimate(now: number): number {
    if (this.#value === 0) return this.#seed;
    return Math.max(this.#seed, this.#value * Math.exp(-Math.max(0, now - this.#at) / DECAY_MS));
  }
}
