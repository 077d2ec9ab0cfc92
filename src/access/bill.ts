import type { Call } from '../completion/call.ts';
import { asRelayError, type Reason } from '../completion/errors.ts';
import { tokensWithin } from '../completion/output-meter.ts';
import type { PriceBook } from '../completion/price.ts';
import type { CacheStatus } from '../completion/trace.ts';
import type { Usage } from '../completion/usage.ts';
import { consumptionOf, type Expectation, expectationOf } from './expectation.ts';
import { type Consumption, NOTHING_USED } from './quota.ts';

/** Answers that cost the upstream nothing. */
const FREE: ReadonlySet<CacheStatus> = new Set<CacheStatus>(['HIT', 'SIMILAR', 'COALESCED']);

/** Failures after which the upstream may have worked, and charges for it, although no answer came of it. */
const WORKED: ReadonlySet<Reason> = new Set<Reason>([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'DRAINING',
  'RESPONSE_TOO_LARGE',
  'UPSTREAM_INVALID_TEXT',
]);

/** What one call consumes: expected before, known or estimated after. */
export class Bill {
  readonly #call: Call;
  readonly #prices: PriceBook;
  readonly #now: () => number;
  readonly #expectation: Expectation;
  readonly #startedAt: number;

  /** @param now milliseconds since the epoch */
  constructor(call: Call, prices: PriceBook, now: () => number) {
    this.#call = call;
    this.#prices = prices;
    this.#now = now;
    this.#startedAt = now();
    this.#expectation = expectationOf(call, this.#startedAt);
  }

  /** The most that the call should consume, for reserving it. */
  expected(): Consumption {
    return consumptionOf(this.#expectation, {}, this.#prices);
  }

  /** What was consumed by a call that was answered, in full or in part. */
  settled(usage: Usage): Consumption {
    return FREE.has(this.#call.trace.cacheStatus) ? NOTHING_USED : this.#consumption(usage);
  }

  /** What was consumed by a call that was not answered. */
  failed(thrown: unknown): Consumption {
    const { trace } = this.#call;
    if (trace.attempts === 0 || !WORKED.has(asRelayError(thrown).reason)) return NOTHING_USED;
    const worked = this.#now() - this.#startedAt - trace.queued;
    return this.#consumption({ output_tokens: Math.min(tokensWithin(worked), this.#call.maxTokens) });
  }

  #consumption(usage: Usage): Consumption {
    return consumptionOf(this.#expectation, usage, this.#prices);
  }
}
