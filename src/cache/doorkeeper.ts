import { Sweep } from './policy/sweep.ts';

const PROBES = 3;
const WORDS_PER_BLOCK = 16;
const BITS_PER_BLOCK_LOG2 = 9;

/** The high half of a word first: the sketch indexes its rows with the low bits, the doorkeeper with these. */
function swapHalves(word: number): number {
  return (word << 16) | (word >>> 16);
}

/**
 * A Bloom filter that lets a key into the sketch only when it comes back, so that the many keys seen once do not use
 * up counters (Einziger, Friedman and Manes, "TinyLFU", ACM TOS 2017, section 3.4.2). Cleared whenever the sketch is
 * halved, in slices too. Probes are `a + i * b` (Kirsch and Mitzenmacher, ESA 2006).
 */
export class Doorkeeper {
  /** The wanted number of bits, rounded up to a power of two. */
  readonly bits: number;
  readonly #table: Int32Array;
  readonly #mask: number;
  readonly #sweep: Sweep;

  /** @param bits wanted size; three bits for each key expected between two resets let one stranger in four through */
  constructor(bits: number) {
    this.bits = Math.max(1 << BITS_PER_BLOCK_LOG2, 2 ** Math.ceil(Math.log2(bits)));
    this.#mask = this.bits - 1;
    const table = new Int32Array(this.bits / 32);
    this.#table = table;
    this.#sweep = new Sweep(table.length / WORDS_PER_BLOCK, (block) => {
      table.fill(0, block * WORDS_PER_BLOCK, (block + 1) * WORDS_PER_BLOCK);
    });
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#table.byteLength + this.#sweep.bytes;
  }

  /** Whether a reset is still under way. */
  get resetting(): boolean {
    return this.#sweep.running;
  }

  /** Blocks that a whole reset consists of. */
  get blocks(): number {
    return this.#sweep.blocks;
  }

  /** Forgets every key, in effect at once; the work is done by `advance` and on touch. */
  reset(): void {
    this.#sweep.begin();
  }

  /** Does the next `blocks` blocks of a reset under way. */
  advance(blocks: number): void {
    this.#sweep.step(blocks);
  }

  /** Remembers the key. Returns whether it was known before (or seemed so). */
  add(h2: number, h3: number): boolean {
    const step = swapHalves(h3) | 1;
    let probe = swapHalves(h2);
    let known = true;
    for (let i = 0; i < PROBES; i += 1, probe = (probe + step) | 0) {
      const bit = this.#at(probe);
      const word = this.#table[bit >>> 5] ?? 0;
      const flag = 1 << (bit & 31);
      if ((word & flag) === 0) {
        this.#table[bit >>> 5] = word | flag;
        known = false;
      }
    }
    return known;
  }

  /** Whether the key is known, or seems so. Never false for a key added since the last reset. */
  has(h2: number, h3: number): boolean {
    const step = swapHalves(h3) | 1;
    let probe = swapHalves(h2);
    for (let i = 0; i < PROBES; i += 1, probe = (probe + step) | 0) {
      const bit = this.#at(probe);
      if (((this.#table[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  #at(probe: number): number {
    const bit = probe & this.#mask;
    if (this.#sweep.running) this.#sweep.settle(bit >>> BITS_PER_BLOCK_LOG2);
    return bit;
  }
}
