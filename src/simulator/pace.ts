import { type Latency, sampleDelay } from './latency.ts';
import type { Random } from './random.ts';

/** Turns the latency in force into waits, in milliseconds. */
export class Pace {
  latency: Latency;
  /** Every wait is multiplied by it. */
  slowdown: number;
  readonly #random: Random;

  constructor(latency: Latency, slowdown: number, random: Random) {
    this.latency = latency;
    this.slowdown = slowdown;
    this.#random = random;
  }

  firstByte(): number {
    return sampleDelay(this.latency.firstByte, this.#random) * this.slowdown;
  }

  /** Before one stream event with so many output tokens; events without any cost nothing. */
  event(tokens: number): number {
    if (tokens === 0) return 0;
    const { step, unit } = this.latency;
    return sampleDelay(step, this.#random) * (unit === 'token' ? tokens : 1) * this.slowdown;
  }

  /** What the stream of so many tokens would take, jitter evened out. */
  whole(tokens: number, tokensPerEvent: number): number {
    const { step, unit } = this.latency;
    return step.mean * (unit === 'token' ? tokens : Math.ceil(tokens / tokensPerEvent)) * this.slowdown;
  }
}
