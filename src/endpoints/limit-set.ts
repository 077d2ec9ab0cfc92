import { GcraBank } from './gcra.ts';
import type { LimitKind, ToldLimit } from './rate-limit-headers.ts';

/** What one call takes of each kind of limit; `tokens` is input and output together. */
export type Amounts = Readonly<Record<LimitKind, number>>;

export function amounts(inputTokens: number, outputTokens: number): Amounts {
  return { requests: 1, input_tokens: inputTokens, output_tokens: outputTokens, tokens: inputTokens + outputTokens };
}

/** Limits as configured for some models of an organization; what is absent is not limited by configuration. */
export interface ConfiguredLimits {
  /** Patterns with `*`; the first entry that fits a model counts. `['*']` is every model, all together. */
  readonly models: readonly string[];
  readonly requestsPerMinute?: number | undefined;
  readonly inputTokensPerMinute?: number | undefined;
  readonly outputTokensPerMinute?: number | undefined;
  readonly concurrentRequests?: number | undefined;
}

/** The buckets of one limit, as `/healthz` shows them. */
export interface LimitState {
  readonly kind: LimitKind;
  /** Units a minute. */
  readonly limit: number;
  /** Units that could pass now; negative while traffic is ahead. */
  readonly available: number;
}

/**
 * The buckets that one set of limits needs, and its permits for calls under way. Several pacers may share one set: a
 * configured limit for all models binds every model class of the organization together.
 */
export class LimitSet {
  /** Calls under way at most. */
  readonly concurrent: number;
  inFlight = 0;
  readonly #buckets = new GcraBank(KINDS.length);
  readonly #burstMs: number;

  /** @param burstMs the burst, as the time in which the even flow would bring as much */
  constructor(limits: Omit<ConfiguredLimits, 'models'>, burstMs: number) {
    this.concurrent = limits.concurrentRequests ?? Number.POSITIVE_INFINITY;
    this.#burstMs = burstMs;
    const { requestsPerMinute = 0, inputTokensPerMinute = 0, outputTokensPerMinute = 0 } = limits;
    this.#setLimit('requests', requestsPerMinute, 0);
    this.#setLimit('input_tokens', inputTokensPerMinute, 0);
    this.#setLimit('output_tokens', outputTokensPerMinute, 0);
  }

  /** Milliseconds until a call may pass; Infinity while only the end of another one can let it. */
  waitFor(cost: Amounts, now: number): number {
    if (this.inFlight >= this.concurrent) return Number.POSITIVE_INFINITY;
    return Math.max(
      this.#buckets.waitFor(0, cost.requests, now),
      this.#buckets.waitFor(1, cost.input_tokens, now),
      this.#buckets.waitFor(2, cost.output_tokens, now),
      this.#buckets.waitFor(3, cost.tokens, now),
    );
  }

  take(cost: Amounts, now: number): void {
    this.inFlight++;
    this.#buckets.take(0, cost.requests, now);
    this.#buckets.take(1, cost.input_tokens, now);
    this.#buckets.take(2, cost.output_tokens, now);
    this.#buckets.take(3, cost.tokens, now);
  }

  /** Ends a call: gives its permit back, and of what was taken what was not used (used more: takes the rest). */
  release(taken: Amounts, used: Amounts): void {
    this.inFlight--;
    this.#buckets.giveBack(0, taken.requests - used.requests);
    this.#buckets.giveBack(1, taken.input_tokens - used.input_tokens);
    this.#buckets.giveBack(2, taken.output_tokens - used.output_tokens);
    this.#buckets.giveBack(3, taken.tokens - used.tokens);
  }

  /** Takes the upstream's word for a limit and what is left of it. */
  learn({ kind, limit, remaining, resetIn }: ToldLimit, now: number): void {
    this.#setLimit(kind, limit, now);
    if (remaining === undefined) return;
    // The bucket fills evenly and is full at its reset: one that is empty and fills later than that starts later.
    const short = remaining === 0 && resetIn !== undefined ? Math.min(0, limit * (1 - resetIn / 60_000)) : 0;
    this.#buckets.lowerTo(KINDS.indexOf(kind), remaining + short, now);
  }

  state(now: number): LimitState[] {
    return KINDS.flatMap((kind, bucket) => {
      const limit = this.#buckets.limit(bucket);
      return limit === 0 ? [] : [{ kind, limit, available: this.#buckets.available(bucket, now) }];
    });
  }

  #setLimit(kind: LimitKind, limit: number, now: number): void {
    this.#buckets.setLimit(KINDS.indexOf(kind), limit, (limit * this.#burstMs) / 60_000, now);
  }
}

/** In the order of their buckets. */
const KINDS: readonly LimitKind[] = ['requests', 'input_tokens', 'output_tokens', 'tokens'];
