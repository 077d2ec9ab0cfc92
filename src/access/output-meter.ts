import type { StreamEvent } from '../completion/reply.ts';

/** UTF-8 bytes of answer text per token; see the estimate of input. */
const BYTES_PER_TOKEN = 3;

/** What a model writes a second, rather more than less; for what is written and not shown. */
const TOKENS_PER_SECOND = 100;

const THINKING = /"content_block"\s*:\s*\{[^{}]*"type"\s*:\s*"(?:redacted_)?thinking"/;
const SHOWN = /"(?:text|partial_json)"\s*:\s*"/;

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

  /** Whether the upstream's own final count has come: nothing is left to estimate. */
  get isCounted(): boolean {
    return this.#counted;
  }

  observe({ type, data }: StreamEvent): void {
    if (type === 'content_block_delta') {
      const shown = this.#thinkingSince === undefined ? SHOWN.exec(data) : null;
      if (shown === null) return;
      this.#bytes += Buffer.byteLength(data.slice(shown.index + shown[0].length, data.lastIndexOf('"')));
    } else if (type === 'content_block_start') {
      if (THINKING.test(data)) this.#thinkingSince = this.#now();
    } else if (type === 'content_block_stop') {
      this.#thinkingMs = this.#thinkingTime();
      this.#thinkingSince = undefined;
    } else if (type === 'message_delta') {
      this.#counted = true;
    }
  }

  /** Tokens written until now, estimated. */
  tokens(): number {
    return Math.ceil(this.#bytes / BYTES_PER_TOKEN) + tokensWithin(this.#thinkingTime());
  }

  #thinkingTime(): number {
    return this.#thinkingMs + (this.#thinkingSince === undefined ? 0 : this.#now() - this.#thinkingSince);
  }
}

/** Tokens that a model may have written in some milliseconds of which nothing was seen. */
export function tokensWithin(milliseconds: number): number {
  return Math.ceil((Math.max(0, milliseconds) / 1000) * TOKENS_PER_SECOND);
}
