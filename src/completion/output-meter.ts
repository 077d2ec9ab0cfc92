import type { Usage } from './usage.ts';

/** UTF-8 bytes of answer text per token; see the estimate of input. */
const BYTES_PER_TOKEN = 3;

/** What a model writes a second, rather more than less; for what is written and not shown. */
const TOKENS_PER_SECOND = 100;

const THINKING: ReadonlySet<unknown> = new Set(['thinking', 'redacted_thinking']);

/**
 * Estimates the output of an answer that ends before the upstream has counted it: a stream's final counters come with
 * its last events, those of its first are a start value. What was shown is counted by its length; thinking, which is
 * shown in part or not at all, by its time.
 */
export class OutputMeter {
  readonly #now: () => number;
  #bytes = 0;
  #thinkingMs = 0;
  #thinkingSince: number | undefined;
  #counted = false;

  /** @param now milliseconds of any one clock */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes the next event of the stream, parsed already: it is called for each. */
  observe(type: string, { delta, content_block: block }: Readonly<Record<string, unknown>>): void {
    if (type === 'content_block_delta') {
      if (this.#thinkingSince === undefined && isObject(delta)) this.#bytes += shownBytes(delta);
    } else if (type === 'content_block_start') {
      if (isObject(block) && THINKING.has(block['type'])) this.#thinkingSince = this.#now();
    } else if (type === 'content_block_stop') {
      this.#thinkingMs = this.#thinkingTime();
      this.#thinkingSince = undefined;
    } else if (type === 'message_delta') {
      this.#counted = true;
    }
  }

  /**
   * The usage of a stream that has not reached its end, with what was written until now: estimated, unless the upstream's
   * own final count has come.
   *
   * @param told by the upstream; until a stream's end its output counter is a start value
   */
  complete(told: Usage, maxTokens: number): Usage {
    if (this.#counted) return told;
    const written = Math.min(this.#tokens(), maxTokens);
    return written > (told.output_tokens ?? 0)
      ? { ...told, output_tokens: written, output_tokens_estimated: true }
      : told;
  }

  #tokens(): number {
    return Math.ceil(this.#bytes / BYTES_PER_TOKEN) + tokensWithin(this.#thinkingTime());
  }

  #thinkingTime(): number {
    return this.#thinkingMs + (this.#thinkingSince === undefined ? 0 : this.#now() - this.#thinkingSince);
  }
}

function shownBytes({ text, partial_json: json }: Readonly<Record<string, unknown>>): number {
  const shown = text ?? json;
  return typeof shown === 'string' ? Buffer.byteLength(shown) : 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Tokens that a model may have written in some milliseconds of which nothing was seen. */
export function tokensWithin(milliseconds: number): number {
  return Math.ceil((Math.max(0, milliseconds) / 1000) * TOKENS_PER_SECOND);
}
