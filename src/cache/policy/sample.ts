/** No node: what `find` and `acquire` return where there is none. */
export const NONE = -1;

/**
 * The keys that miniature caches watch: those whose hash falls into a fixed part of the hash space (spatial sampling;
 * Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations", USENIX ATC 2017). A key lives in
 * the pool while at least one miniature cache holds it. All memory is allocated once; when the pool runs out, the
 * caller narrows the sample by half.
 */
export class Sample {
  readonly capacity: number;
  /** Cost of each node's key. */
  readonly cost: Float64Array;
  /** When each node's key expires, in milliseconds of the cache's clock. */
  readonly expires: Float64Array;
  /** The node's key as the four words of its hash. */
  readonly h0: Int32Array;
  readonly h1: Int32Array;
  readonly h2: Int32Array;
  readonly h3: Int32Array;
  /** Number of miniature caches that hold the node. */
  readonly #holders: Uint8Array;
  readonly #buckets: Int32Array;
  /** Next node of the same bucket, or of the free list. */
  readonly #next: Int32Array;
  #free = NONE;
  #halvings = 0;
  #outside = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.cost = new Float64Array(capacity);
    this.expires = new Float64Array(capacity);
    this.h0 = new Int32Array(capacity);
    this.h1 = new Int32Array(capacity);
    this.h2 = new Int32Array(capacity);
    this.h3 = new Int32Array(capacity);
    this.#holders = new Uint8Array(capacity);
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(capacity * 2))).fill(NONE);
    this.#next = new Int32Array(capacity);
    for (let node = capacity - 1; node >= 0; node -= 1) {
      this.#next[node] = this.#free;
      this.#free = node;
    }
  }

  /** Part of all keys that are sampled: 1, 1/2, 1/4 and so on. */
  get rate(): number {
    return 2 ** -this.#halvings;
  }

  /** Whether the key belongs to the sample. The highest bits decide: the sketch's rows are indexed by the lowest. */
  includes(h0: number): boolean {
    return (h0 & this.#outside) === 0;
  }

  /** Halves the part of keys that are sampled. Nodes outside stay until their holders let go of them. */
  narrow(): void {
    this.#halvings += 1;
    this.#outside = -1 << (32 - this.#halvings);
  }

  find(h0: number, h1: number): number {
    let node = this.#buckets[this.#bucket(h1)] ?? NONE;
    while (node !== NONE && (this.h0[node] !== h0 || this.h1[node] !== h1)) node = this.#next[node] ?? NONE;
    return node;
  }

  /** A node for a new key, held by nobody yet; NONE when the pool is used up. */
  acquire(h0: number, h1: number, h2: number, h3: number): number {
    const node = this.#free;
    if (node === NONE) return NONE;
    this.#free = this.#next[node] ?? NONE;
    this.h0[node] = h0;
    this.h1[node] = h1;
    this.h2[node] = h2;
    this.h3[node] = h3;
    const bucket = this.#bucket(h1);
    this.#next[node] = this.#buckets[bucket] ?? NONE;
    this.#buckets[bucket] = node;
    return node;
  }

  hold(node: number): void {
    this.#holders[node] = (this.#holders[node] ?? 0) + 1;
  }

  /** Gives the node back to the pool when its last holder lets go. */
  release(node: number): void {
    const holders = (this.#holders[node] ?? 0) - 1;
    this.#holders[node] = holders;
    if (holders > 0) return;
    const bucket = this.#bucket(this.h1[node] ?? 0);
    const after = this.#next[node] ?? NONE;
    let at = this.#buckets[bucket] ?? NONE;
    if (at === node) {
      this.#buckets[bucket] = after;
    } else {
      while (this.#next[at] !== node) at = this.#next[at] ?? NONE;
      this.#next[at] = after;
    }
    this.#next[node] = this.#free;
    this.#free = node;
  }

  #bucket(h1: number): number {
    return h1 & (this.#buckets.length - 1);
  }
}
