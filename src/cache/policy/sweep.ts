/** Blocks that one step of a sweep ages at most; 1,024 blocks of 64 bytes take some ten microseconds. */
export const MAX_BLOCKS_PER_STEP = 1024;

/**
 * Ages a large table in small slices with the result of ageing it at once. `begin` only declares every block due; from
 * then on a due block is aged when it is first touched (`settle`) or when the cursor comes by (`step`), whichever is
 * sooner. Readers and writers settle a block before they use it, so none can see a counter that is still to be halved.
 */
export class Sweep {
  readonly blocks: number;
  readonly #age: (block: number) => void;
  /** Parity of the sweep that last aged the block. */
  readonly #done: Uint8Array;
  #parity = 0;
  #cursor: number;

  constructor(blocks: number, age: (block: number) => void) {
    this.blocks = blocks;
    this.#age = age;
    this.#done = new Uint8Array(blocks);
    this.#cursor = blocks;
  }

  /** Whether some blocks may still be due. */
  get running(): boolean {
    return this.#cursor < this.blocks;
  }

  /** Bytes of bookkeeping. */
  get bytes(): number {
    return this.#done.byteLength;
  }

  /** Declares every block due. A sweep under way is completed first, at once: wait until `running` is over to avoid that. */
  begin(): void {
    this.step(this.blocks);
    this.#parity ^= 1;
    this.#cursor = 0;
  }

  /** Ages one block now, if it is due. */
  settle(block: number): void {
    if (this.#done[block] === this.#parity) return;
    this.#done[block] = this.#parity;
    this.#age(block);
  }

  /** Settles the next `count` blocks. */
  step(count: number): void {
    const end = Math.min(this.blocks, this.#cursor + count);
    for (let block = this.#cursor; block < end; block += 1) this.settle(block);
    this.#cursor = end;
  }
}
