import type { Call } from '../completion/call.ts';
import type { Usage } from '../completion/usage.ts';
import { type Amounts, amounts } from './limit-set.ts';
import { countsCacheReads } from './model-class.ts';

/** Share of the newest observation in a moving average, and of its deviation (V. Jacobson, "Congestion avoidance and control", 1988). */
const GAIN = 1 / 8;
/** English prose is about four characters a token. */
const FIRST_TOKENS_PER_CHARACTER = 1 / 4;
/** Assumed of an answer while none was seen: most use a small part of their `max_tokens`. */
const FIRST_OUTPUT_TOKENS = 1024;

/** A moving average and how far values stray from it. */
class Spread {
  #mean: number;
  #deviation: number;

  constructor(first: number) {
    this.#mean = first;
    this.#deviation = first / 4;
  }

  observe(value: number): void {
    const error = value - this.#mean;
    this.#mean += GAIN * error;
    this.#deviation += GAIN * (Math.abs(error) - this.#deviation);
  }

  /** What few values exceed. */
  get high(): number {
    return this.#mean + 2 * this.#deviation;
  }
}

/**
 * What calls of one model class will take from the upstream's limits, learned from what they did take. Cache reads do not
 * count towards the input limit (but for one model), nor does `max_tokens` towards the output limit (reference 4.4).
 */
export class TokenEstimate {
  readonly #tokensPerCharacter = new Spread(FIRST_TOKENS_PER_CHARACTER);
  readonly #outputTokens = new Spread(FIRST_OUTPUT_TOKENS);

  /** What to reserve before a call. */
  of(call: Call): Amounts {
    if (call.operation !== 'messages') return amounts(0, 0);
    const input = Math.ceil(call.body.length * this.#tokensPerCharacter.high);
    return amounts(input, Math.ceil(Math.min(call.maxTokens, this.#outputTokens.high)));
  }

  /** What a call did take; a counter that the upstream did not tell is as reserved. */
  used(call: Call, usage: Usage, reserved: Amounts): Amounts {
    if (call.operation !== 'messages') return reserved;
    const input = inputTokens(usage, countsCacheReads(call.model));
    return amounts(input ?? reserved.input_tokens, usage.output_tokens ?? reserved.output_tokens);
  }

  /** Learns from an answer that was read to its end. */
  observe(call: Call, usage: Usage): void {
    if (call.operation !== 'messages') return;
    const input = inputTokens(usage, countsCacheReads(call.model));
    if (input !== undefined && call.body.length > 0) this.#tokensPerCharacter.observe(input / call.body.length);
    if (usage.output_tokens !== undefined) this.#outputTokens.observe(usage.output_tokens);
  }
}

function inputTokens(usage: Usage, withCacheReads: boolean): number | undefined {
  if (usage.input_tokens === undefined) return undefined;
  const reads = withCacheReads ? (usage.cache_read_input_tokens ?? 0) : 0;
  return usage.input_tokens + (usage.cache_creation_input_tokens ?? 0) + reads;
}
