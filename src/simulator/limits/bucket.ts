const MINUTE = 60_000;

/**
 * A token bucket with continuous refill, as the API describes its own. Its level may go below zero, because output is
 * counted as it comes and cannot be refused any more.
 */
export class TokenBucket {
  readonly perMinute: number;
  readonly #capacity: number;
  #level: number;
  #updatedAt: number;

  /** `burst`: milliseconds of refill that it holds. */
  constructor(perMinute: number, burst: number, now: number) {
    this.perMinute = perMinute;
    this.#capacity = Math.max(1, (perMinute * burst) / MINUTE);
    this.#level = this.#capacity;
    this.#updatedAt = now;
  }

  /** What is left, never below zero. */
  remaining(now: number): number {
    this.#refill(now);
    return Math.max(0, this.#level);
  }

  /** Whether so much may be taken: it is there, and for nothing at all the bucket must not be empty. */
  allows(amount: number, now: number): boolean {
    this.#refill(now);
    return amount === 0 ? this.#level > 0 : this.#level >= amount;
  }

  take(amount: number, now: number): void {
    this.#refill(now);
    this.#level -= amount;
  }

  /** Milliseconds until `amount` may be taken; until it is full, for more than it ever holds. */
  waitFor(amount: number, now: number): number {
    this.#refill(now);
    const wanted = Math.min(Math.max(amount, 1), this.#capacity);
    return (Math.max(0, wanted - this.#level) / this.perMinute) * MINUTE;
  }

  /** When it will be full, in epoch milliseconds. */
  fullAt(now: number): number {
    return now + this.waitFor(this.#capacity, now);
  }

  #refill(now: number): void {
    if (now <= this.#updatedAt) return;
    this.#level = Math.min(this.#capacity, this.#level + ((now - this.#updatedAt) * this.perMinute) / MINUTE);
    this.#updatedAt = now;
  }
}

/** The buckets of one organization and model class; absent where there is no limit. */
export interface Buckets {
  readonly requests: TokenBucket | undefined;
  readonly inputTokens: TokenBucket | undefined;
  readonly outputTokens: TokenBucket | undefined;
  readonly countTokens: TokenBucket | undefined;
}

/** No limits at all. */
export const UNLIMITED: Buckets = {
  requests: undefined,
  inputTokens: undefined,
  outputTokens: undefined,
  countTokens: undefined,
};
