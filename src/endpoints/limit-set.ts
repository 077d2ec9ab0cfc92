import { Gcra } from './gcra.ts';
import type { LimitKind, ToldLimit } from './rate-limit-headers.ts';

/** What one call takes of each kind of limit; `tokens` is input and output together. */
export type Amounts = Readonly<Record<LimitKind, number>>;

export function amounts(inputTokens: number, outputTokens: number): Amounts {
  return { requests: 1, input_tokens: inputTokens, output_tokens: outputTokens, tokens: inputTokens + outputTokens };
}

export const LIMIT_KINDS: readonly LimitKind[] = ['requests', 'input_tokens', 'output_tokens', 'tokens'];

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
  readonly #buckets: Partial<Record<LimitKind, Gcra>> = {};
  readonly #burstMs: number;

  /** @param burstMs the burst, as the time in which the even flow would bring as much */
  constructor(limits: Omit<ConfiguredLimits, 'models'>, burstMs: number) {
    this.concurrent = limits.concurrentRequests ?? Number.POSITIVE_INFINITY;
    this.#burstMs = burstMs;
    this.#add('requests', limits.requestsPerMinute);
    this.#add('input_tokens', limits.inputTokensPerMinute);
    this.#add('output_tokens', limits.outputTokensPerMinute);
  }

  /** Milliseconds until a call may pass; Infinity while only the end of another one can let it. */
  waitFor(cost: Amounts, now: number): number {
    if (this.inFlight >= this.concurrent) return Number.POSITIVE_INFINITY;
    let wait = 0;
    for (const kind of LIMIT_KINDS) {
      const bucket = this.#buckets[kind];
      if (bucket !== undefined) wait = Math.max(wait, bucket.waitFor(cost[kind], now));
    }
    return wait;
  }

  take(cost: Amounts, now: number): void {
    this.inFlight++;
    for (const kind of LIMIT_KINDS) this.#buckets[kind]?.take(cost[kind], now);
  }

  /** Ends a call: gives its permit back, and of what was taken what was not used (used more: takes the rest). */
  release(taken: Amounts, used: Amounts): void {
    this.inFlight--;
    for (const kind of LIMIT_KINDS) this.#buckets[kind]?.giveBack(taken[kind] - used[kind]);
  }

  /** Takes the upstream's word for a limit and what is left of it. */
  learn({ kind, limit, remaining, resetIn }: ToldLimit, now: number): void {
    const burst = this.#burst(limit);
    const bucket = (this.#buckets[kind] ??= new Gcra(limit, burst));
    bucket.resize(limit, burst, now);
    if (remaining === undefined) return;
    // The bucket fills evenly and is full at its reset: one that is empty and fills later than that starts later.
    const short = remaining === 0 && resetIn !== undefined ? Math.min(0, limit * (1 - resetIn / 60_000)) : 0;
    bucket.lowerTo(remaining + short, now);
  }

  state(now: number): LimitState[] {
    return LIMIT_KINDS.flatMap((kind) => {
      const bucket = this.#buckets[kind];
      return bucket === undefined ? [] : [{ kind, limit: bucket.limit, available: bucket.available(now) }];
    });
  }

  #add(kind: LimitKind, limit: number | undefined): void {
    if (limit !== undefined) this.#buckets[kind] = new Gcra(limit, this.#burst(limit));
  }

  #burst(limit: number): number {
    return (limit * this.#burstMs) / 60_000;
  }
}
