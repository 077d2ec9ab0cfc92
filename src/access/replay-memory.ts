const BUCKET_MS = 60_000;

/** What became of a key: `full` means that it could not be remembered, and so must not be accepted. */
export type Remembered = 'fresh' | 'seen' | 'full';

/**
 * Remembers what was accepted once, for as long as it could be accepted again, in buckets of one minute of expiry, so
 * that forgetting costs nothing. Its size is bounded: when it is full it refuses, since forgetting early would open
 * the very hole that it closes.
 */
export class ReplayMemory {
  readonly #capacity: number;
  readonly #buckets = new Map<number, Set<string>>();
  #size = 0;
  /** First bucket that was not given up yet; what would belong before it is not fresh, even if the clock was set back. */
  #oldest = Number.NEGATIVE_INFINITY;

  /** @param capacity most keys remembered at once */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a key that can be accepted until `expires` (inclusive), both times in milliseconds since the epoch.
   */
  remember(key: string, expires: number, now: number): Remembered {
    this.forget(now);
    const number = Math.floor(expires / BUCKET_MS);
    if (number < this.#oldest) return 'seen';
    const bucket = this.#buckets.get(number);
    if (bucket?.has(key) === true) return 'seen';
    if (this.#size >= this.#capacity) return 'full';
    if (bucket === undefined) this.#buckets.set(number, new Set([key]));
    else bucket.add(key);
    this.#size += 1;
    return 'fresh';
  }

  /** Gives up the keys that can no longer be accepted. */
  forget(now: number): void {
    const current = Math.floor(now / BUCKET_MS);
    if (current <= this.#oldest) return;
    this.#oldest = current;
    for (const [number, bucket] of this.#buckets) {
      if (number >= current) continue;
      this.#size -= bucket.size;
      this.#buckets.delete(number);
    }
  }

  /** Milliseconds until something is forgotten; 0 where nothing is remembered. */
  untilRoom(now: number): number {
    const first = Math.min(...this.#buckets.keys());
    return Number.isFinite(first) ? Math.max(0, (first + 1) * BUCKET_MS - now) : 0;
  }
}
