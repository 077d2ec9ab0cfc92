import { Gcra } from './gcra.ts';
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
  readonly #buckets: { readonly kind: LimitKind; readonly bucket: Gcra }[] = [];
  readonly #burstMs: number;

  /** @param burstMs the burst, as the time in which the even flow would bring as much */
  constructor(limits: Omit<ConfiguredLimits, 'models'>, burstMs: number) {
    this.concurrent = limits.concurrentRequests ?? Number.POSITIVE_INFINITY;
    this.#burstMs = burstMs;
    if (limits.requestsPerMinute !== undefined) this.#add('requests', limits.requestsPerMinute);
    if (limits.inputTokensPerMinute !== undefined) this.#add('input_tokens', limits.inputTokensPerMinute);
    if (limits.outputTokensPerMinute !== undefined) this.#add('output_tokens', limits.outputTokensPerMinute);
  }

  /** Milliseconds until a call may pass; Infinity while only the end of another one can let it. */
  waitFor(cost: Amounts, now: number): number {
    if (this.inFlight >= this.concurrent) return Number.POSITIVE_INFINITY;
    let wait = 0;
    for (const { kind, bucket } of this.#buckets) wait = Math.max(wait, bucket.waitFor(cost[kind], now));
    return wait;
  }

  take(cost: Amounts, now: number): void {
    this.inFlight++;
    for (const { kind, bucket } of this.#buckets) bucket.take(cost[kind], now);
  }

  /** Ends a call: gives its permit back, and of what was taken what was not used (used more: takes the rest). */
  release(taken: Amounts, used: Amounts): void {
    this.inFlight--;
    for (const { kind, bucket } of this.#buckets) bucket.giveBack(taken[kind] - used[kind]);
  }

  /** Takes the upstream's word for a limit and what is left of it. */
  learn({ kind, limit, remaining, resetIn }: ToldLimit, now: number): void {
    const bucket = this.#buckets.find((known) => known.kind === kind)?.bucket ?? this.#add(kind, limit);
    bucket.resize(limit, this.#burst(limit), now);
    if (remaining === undefined) return;
    // The bucket fills evenly and is full at its reset: one that is empty and fills later than that starts later.
    const short = remaining === 0 && resetIn !== undefined ? Math.min(0, limit * (1 - resetIn / 60_000)) : 0;
    bucket.lowerTo(remaining + short, now);
  }

  state(now: number): LimitState[] {
    return this.#buckets.map(({ kind, bucket }) => ({ kind, limit: bucket.limit, available: bucket.available(now) }));
  }

  #add(kind: LimitKind, limit: number): Gcra {
    const bucket = new Gcra(limit, this.#burst(limit));
    this.#buckets.push({ kind, bucket });
    return bucket;
  }

  #burst(limit: number): number {
    return (limit * this.#burstMs) / 60_000;
  }
}
