import { Doorkeeper } from '../doorkeeper.ts';
import { FrequencySketch } from '../sketch.ts';
import { MAX_BLOCKS_PER_STEP } from './sweep.ts';

/** Occurrences per entry of the cache between two halvings (TinyLFU's sample size W; Caffeine uses the same 10). */
const SAMPLES_PER_ENTRY = 10;
/** A sweep is to be over within this part of a sample. */
const SWEEP_SHARE = 1 / 8;
/** Four halvings empty four-bit counters; making up for more after a long silence would change nothing. */
const MAX_MISSED_HALVINGS = 4;

export interface FrequencyOptions {
  /** Counters of the sketch, all rows together. */
  readonly counters: number;
  /** Milliseconds after which the counts are halved even where few requests come. */
  readonly halfLife: number;
}

/**
 * What admission asks: how popular is this key of late? Sketch and doorkeeper together, and when they age: after ten
 * occurrences for each entry the cache can hold, so that a small cache forgets as fast as it should however large the
 * sketch, and after `halfLife`, so that last night's favourites do not rule a quiet morning.
 */
export class Frequency {
  readonly #sketch: FrequencySketch;
  readonly #doorkeeper: Doorkeeper;
  readonly #halfLife: number;
  #sample: number;
  #recorded = 0;
  #agedAt: number;
  #blocksPerStep = 0;

  constructor(options: FrequencyOptions, now: number) {
    this.#sketch = new FrequencySketch(options.counters);
    this.#doorkeeper = new Doorkeeper(2 * options.counters);
    this.#halfLife = options.halfLife;
    this.#sample = this.#sketch.counters;
    this.#agedAt = now;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#sketch.bytes + this.#doorkeeper.bytes;
  }

  /** Sets the number of entries the cache holds when full; with more than a tenth of the counters, they bound the sample. */
  expect(entries: number): void {
    this.#sample = Math.max(1, Math.min(entries * SAMPLES_PER_ENTRY, this.#sketch.counters));
  }

  /** Counts one occurrence of the key, and does a slice of the ageing under way. */
  record(h0: number, h1: number, h2: number, h3: number, now: number): void {
    this.#recorded += 1;
    if (this.#sketch.ageing || this.#doorkeeper.resetting) {
      this.#sketch.advance(this.#blocksPerStep);
      this.#doorkeeper.advance(this.#blocksPerStep);
    } else if (this.#recorded >= this.#sample) {
      this.#age(now);
    } else if (now - this.#agedAt >= this.#halfLife) {
      this.#age(Math.max(this.#agedAt + this.#halfLife, now - MAX_MISSED_HALVINGS * this.#halfLife));
    }
    if (this.#doorkeeper.add(h2, h3)) this.#sketch.increment(h0, h1, h2, h3);
  }

  /** Estimated number of occurrences, 0 to 16. */
  estimate(h0: number, h1: number, h2: number, h3: number): number {
    return this.#sketch.estimate(h0, h1, h2, h3) + (this.#doorkeeper.has(h2, h3) ? 1 : 0);
  }

  #age(asOf: number): void {
    const blocks = Math.max(this.#sketch.blocks, this.#doorkeeper.blocks);
    this.#blocksPerStep = Math.min(MAX_BLOCKS_PER_STEP, Math.ceil(blocks / (this.#sample * SWEEP_SHARE)));
    this.#recorded = 0;
    this.#agedAt = asOf;
    this.#sketch.age();
    this.#doorkeeper.reset();
  }
}
