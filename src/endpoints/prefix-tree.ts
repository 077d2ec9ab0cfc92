/**
 * Changing weights, of which one is found by rank in O(log n): a Fenwick tree (P. Fenwick, "A new data structure for
 * cumulative frequency tables", 1994). A weight of 0 hides its index. Weights are whole numbers, so that sums kept by
 * adding and subtracting never drift.
 */
export class PrefixTree {
  /** Sum of all weights. */
  total = 0;
  /** What is left of the rank inside the index that `find` found last. */
  remainder = 0;
  readonly #weights: Float64Array;
  readonly #tree: Float64Array;
  readonly #top: number;

  constructor(length: number) {
    this.#weights = new Float64Array(length);
    this.#tree = new Float64Array(length + 1);
    this.#top = length === 0 ? 0 : 2 ** Math.floor(Math.log2(length));
  }

  weightOf(index: number): number {
    return this.#weights[index] ?? 0;
  }

  setWeight(index: number, weight: number): void {
    const change = weight - this.weightOf(index);
    if (change === 0) return;
    this.#weights[index] = weight;
    this.total += change;
    for (let node = index + 1; node < this.#tree.length; node += node & -node) {
      this.#tree[node] = (this.#tree[node] ?? 0) + change;
    }
  }

  /** Sum of the weights before `index`. */
  before(index: number): number {
    let sum = 0;
    for (let node = index; node > 0; node -= node & -node) sum += this.#tree[node] ?? 0;
    return sum;
  }

  /** The index that covers `rank`, a whole number in [0, total), when weights are laid out end to end. */
  find(rank: number): number {
    let node = 0;
    let left = rank;
    for (let step = this.#top; step > 0; step >>= 1) {
      const next = node + step;
      const sum = this.#tree[next];
      if (sum !== undefined && sum <= left) {
        node = next;
        left -= sum;
      }
    }
    this.remainder = left;
    return node;
  }
}
