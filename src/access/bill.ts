import type { Call } from '../completion/call.ts';
import { asRelayError, type Reason } from '../completion/errors.ts';
import type { PriceBook } from '../completion/price.ts';
import type { Reply, Settlement } from '../completion/reply.ts';
import type { CacheStatus } from '../completion/trace.ts';
import { observed } from '../completion/observed.ts';
import { consumptionOf, type Expectation, expectationOf } from './expectation.ts';
import { OutputMeter, tokensWithin } from './output-meter.ts';
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

/**
 * What one call consumes: expected before, known or estimated after. The upstream charges for what it wrote until a
 * caller went away, but nobody tells how much that was; then it is estimated, never more than was expected.
 */
export class Bill {
  readonly #call: Call;
  readonly #prices: PriceBook;
  readonly #now: () => number;
  readonly #expectation: Expectation;
  readonly #startedAt: number;
  #meter: OutputMeter | undefined;

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

  /** The reply with its events looked at on their way. */
  watch(reply: Reply): Reply {
    if (reply.kind === 'whole' || this.#isFree()) return reply;
    const meter = new OutputMeter();
    this.#meter = meter;
    return { ...reply, events: observed(reply.events, (event) => meter.observe(event, this.#now())) };
  }

  /** What was consumed by a call that was answered, in full or in part. */
  settled({ outcome, usage }: Settlement): Consumption {
    if (this.#isFree()) return NOTHING_USED;
    const meter = this.#meter;
    if (outcome === 'delivered' || meter === undefined || meter.isCounted) return this.#consumption(usage);
    // Until a stream's end its output counter is a start value.
    const written = Math.max(usage.output_tokens ?? 0, this.#atMost(meter.tokens(this.#now())));
    return this.#consumption({ ...usage, output_tokens: written });
  }

  /** What was consumed by a call that was not answered. */
  failed(thrown: unknown): Consumption {
    const { trace } = this.#call;
    if (trace.attempts === 0 || !WORKED.has(asRelayError(thrown).reason)) return NOTHING_USED;
    const worked = this.#now() - this.#startedAt - trace.queued;
    return this.#consumption({ output_tokens: this.#atMost(tokensWithin(worked)) });
  }

  #isFree(): boolean {
    return FREE.has(this.#call.trace.cacheStatus);
  }

  #atMost(tokens: number): number {
    return Math.min(tokens, this.#call.maxTokens);
  }

  #consumption(usage: Settlement['usage']): Consumption {
    return consumptionOf(this.#expectation, usage, this.#prices);
  }
}
