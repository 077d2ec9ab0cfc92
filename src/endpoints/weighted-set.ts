/**
 * A fixed list of items with changing weights, from which one is found by its rank in O(log n): a Fenwick tree
 * (P. Fenwick, "A new data structure for cumulative frequency tables", 1994). A weight of 0 hides an item. Weights are
 * whole numbers, so that sums kept by adding and subtracting never drift.
 */
export class WeightedSet<T> {
  readonly items: readonly T[];
  /** Sum of all weights. */
  total = 0;
  /** What is left of the rank inside the item that `find` found last. */
  remainder = 0;
  readonly #weights: Float64Array;
  readonly #tree: Float64Array;
  readonly #top: number;

  constructor(items: readonly T[]) {
    this.items = items;
    this.#weights = new Float64Array(items.length);
    this.#tree = new Float64Array(items.length + 1);
    this.#top = items.length === 0 ? 0 : 2 ** Math.floor(Math.log2(items.length));
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

  /** The item that covers `rank`, a whole number in [0, total), when the items are laid out end to end by weight. */
  find(rank: number): T | undefined {
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
    return this.items[node];
  }
}
