/** What can lie in a heap: it knows its own place there, so that it can leave from the middle. */
export interface HeapNode {
  /** Position in its heap; -1 while in none. Written by the heap alone. */
  heapIndex: number;
}

/** Binary min-heap whose nodes can be removed from anywhere in O(log n). A node lies in one heap at a time. */
export class Heap<T extends HeapNode> {
  readonly #nodes: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  /** @param before whether `a` leaves the heap earlier than `b` */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#nodes.length;
  }

  peek(): T | undefined {
    return this.#nodes[0];
  }

  push(node: T): void {
    node.heapIndex = this.#nodes.length;
    this.#nodes.push(node);
    this.#rise(node);
  }

  /** Takes the node out; without effect when it is in no heap. */
  remove(node: T): void {
    const index = node.heapIndex;
    if (index < 0) return;
    node.heapIndex = -1;
    const last = this.#nodes.pop();
    if (last === undefined || last === node) return;
    this.#put(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  clear(): void {
    for (const node of this.#nodes) node.heapIndex = -1;
    this.#nodes.length = 0;
  }

  /** All nodes, in no particular order. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#nodes[Symbol.iterator]();
  }

  #put(node: T, index: number): void {
    this.#nodes[index] = node;
    node.heapIndex = index;
  }

  #rise(node: T): void {
    let index = node.heapIndex;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#nodes[above];
      if (parent === undefined || !this.#before(node, parent)) break;
      this.#put(parent, index);
      index = above;
    }
    this.#put(node, index);
  }

  #sink(node: T): void {
    let index = node.heapIndex;
    for (;;) {
      const left = this.#nodes[2 * index + 1];
      const right = this.#nodes[2 * index + 2];
      const least = right !== undefined && left !== undefined && this.#before(right, left) ? right : left;
      if (least === undefined || !this.#before(least, node)) break;
      const below = least.heapIndex;
      this.#put(least, index);
      index = below;
    }
    this.#put(node, index);
  }
}
