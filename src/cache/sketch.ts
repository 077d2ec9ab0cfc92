import { Sweep } from './policy/sweep.ts';

/** Largest count that four bits hold: enough to tell popular keys apart within one sample (TinyLFU, section 3.4). */
export const MAX_COUNT = 15;

const ROWS = 4;
const COUNTERS_PER_WORD = 8;
/** A block is what ages as one: a cache line of 64 bytes. */
const WORDS_PER_BLOCK = 16;
const COUNTERS_PER_BLOCK_LOG2 = 7;
/** Clears the bit that slides from each counter into its lower neighbour when a word of eight is shifted right. */
const HALVING_MASK = 0x77777777;

/**
 * How often keys were seen lately: a count-min sketch (Cormode and Muthukrishnan, J. Algorithms 2005) of four rows of
 * four-bit counters with conservative update (Estan and Varghese, SIGCOMM 2002: only the smallest of a key's counters
 * grow, which more than halves the error), whose counters are halved to forget (Einziger, Friedman and Manes,
 * "TinyLFU", ACM TOS 2017).
 *
 * An estimate is never below the true count since the last ageing (up to 15), and exceeds it only where a key shares a
 * counter in all four rows with others. A key is given as the four words of its hash, one for each row. Memory is
 * allocated once; halving works in slices (see Sweep).
 */
export class FrequencySketch {
  /** Counters of all rows together: the wanted number, rounded up so that a row is a power of two. */
  readonly counters: number;
  readonly #table: Int32Array;
  readonly #mask: number;
  readonly #rowBits: number;
  readonly #sweep: Sweep;

  /** @param counters wanted number of counters, all rows together; 16 for each entry of the cache is ample */
  constructor(counters: number) {
    const width = Math.max(1 << COUNTERS_PER_BLOCK_LOG2, 2 ** Math.ceil(Math.log2(counters / ROWS)));
    this.counters = width * ROWS;
    this.#mask = width - 1;
    this.#rowBits = Math.log2(width);
    const table = new Int32Array(this.counters / COUNTERS_PER_WORD);
    this.#table = table;
    this.#sweep = new Sweep(table.length / WORDS_PER_BLOCK, (block) => {
      const end = (block + 1) * WORDS_PER_BLOCK;
      for (let word = block * WORDS_PER_BLOCK; word < end; word += 1) {
        table[word] = ((table[word] ?? 0) >>> 1) & HALVING_MASK;
      }
    });
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#table.byteLength + this.#sweep.bytes;
  }

  /** Whether a halving is still under way. */
  get ageing(): boolean {
    return this.#sweep.running;
  }

  /** Blocks that a whole halving consists of. */
  get blocks(): number {
    return this.#sweep.blocks;
  }

  /** Halves every counter, in effect at once; the work is done by `advance` and on touch. */
  age(): void {
    this.#sweep.begin();
  }

  /** Does the next `blocks` blocks of a halving under way. */
  advance(blocks: number): void {
    this.#sweep.step(blocks);
  }

  /** Counts one occurrence of the key. */
  increment(h0: number, h1: number, h2: number, h3: number): void {
    const i0 = this.#at(0, h0);
    const i1 = this.#at(1, h1);
    const i2 = this.#at(2, h2);
    const i3 = this.#at(3, h3);
    const c0 = this.#count(i0);
    const c1 = this.#count(i1);
    const c2 = this.#count(i2);
    const c3 = this.#count(i3);
    const count = Math.min(c0, c1, c2, c3);
    if (count === MAX_COUNT) return;
    if (c0 === count) this.#add(i0);
    if (c1 === count) this.#add(i1);
    if (c2 === count) this.#add(i2);
    if (c3 === count) this.#add(i3);
  }

  /** Estimated count of the key, 0 to 15. */
  estimate(h0: number, h1: number, h2: number, h3: number): number {
    return Math.min(
      this.#count(this.#at(0, h0)),
      this.#count(this.#at(1, h1)),
      this.#count(this.#at(2, h2)),
      this.#count(this.#at(3, h3)),
    );
  }

  /** Index of the row's counter for the hash; its block is settled. */
  #at(row: number, hash: number): number {
    const index = (row << this.#rowBits) | (hash & this.#mask);
    if (this.#sweep.running) this.#sweep.settle(index >>> COUNTERS_PER_BLOCK_LOG2);
    return index;
  }

  #count(index: number): number {
    return ((this.#table[index >>> 3] ?? 0) >>> ((index & 7) << 2)) & MAX_COUNT;
  }

  #add(index: number): void {
    const word = index >>> 3;
    this.#table[word] = (this.#table[word] ?? 0) + (1 << ((index & 7) << 2));
  }
}
