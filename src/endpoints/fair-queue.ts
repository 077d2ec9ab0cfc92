import { Heap, type HeapNode } from './heap.ts';

/** One that waits. */
export interface Waiting extends HeapNode {
  /** Those of one group can be served by the same endpoints: when the first cannot, the others cannot either. */
  group: string;
  readonly tenant: string;
  /** Share of the tenant relative to others; positive. */
  readonly weight: number;
  /** How much of what is shared it takes. */
  readonly cost: number;
  /** Virtual time at which its service begins. Written by the queue alone. */
  start: number;
  /** How many came before it. Written by the queue alone. */
  arrival: number;
}

function isBefore(a: Waiting, b: Waiting): boolean {
  return a.start < b.start || (a.start === b.start && a.arrival < b.arrival);
}

/**
 * Serves tenants in proportion to their weights, whatever they send: start-time fair queueing (P. Goyal, H. Vin, H. Cheng,
 * SIGCOMM 1996). Each one that waits is stamped with a virtual start, which lies behind that of the same tenant's one
 * before by cost ÷ weight; the least start goes first.
 */
export class FairQueue<T extends Waiting> {
  readonly #groups = new Map<string, Heap<T>>();
  readonly #finishes = new Map<string, number>();
  #virtualTime = 0;
  #length = 0;
  #arrivals = 0;

  get length(): number {
    return this.#length;
  }

  push(waiting: T): void {
    const finish = this.#finishes.get(waiting.tenant) ?? 0;
    waiting.arrival = this.#arrivals++;
    waiting.start = Math.max(this.#virtualTime, finish);
    this.#finishes.set(waiting.tenant, waiting.start + waiting.cost / waiting.weight);
    this.#enter(waiting);
  }

  /** The next to be served among the groups that are not blocked. */
  next(blocked: ReadonlySet<string>): T | undefined {
    let next: T | undefined;
    for (const [group, heap] of this.#groups) {
      const first = blocked.has(group) ? undefined : heap.peek();
      if (first !== undefined && (next === undefined || isBefore(first, next))) next = first;
    }
    return next;
  }

  /** The one that would be served last. */
  last(): T | undefined {
    let last: T | undefined;
    for (const waiting of this) if (last === undefined || isBefore(last, waiting)) last = waiting;
    return last;
  }

  /** Takes one out because it is served: virtual time goes on to it. */
  serve(waiting: T): void {
    this.#virtualTime = Math.max(this.#virtualTime, waiting.start);
    this.remove(waiting);
  }

  /** Takes one out because it gave up. */
  remove(waiting: T): void {
    const heap = this.#groups.get(waiting.group);
    if (heap === undefined || waiting.heapIndex < 0) return;
    heap.remove(waiting);
    this.#length--;
    if (heap.size === 0) this.#groups.delete(waiting.group);
    // Nobody waits: nobody is ahead of anybody, and no tenant need be remembered.
    if (this.#length === 0) this.#finishes.clear();
  }

  /** Puts all into the groups that they now belong to, in their order. */
  regroup(groupOf: (waiting: T) => string): void {
    const all = [...this];
    for (const heap of this.#groups.values()) heap.clear();
    this.#groups.clear();
    this.#length = 0;
    for (const waiting of all) {
      waiting.group = groupOf(waiting);
      this.#enter(waiting);
    }
  }

  *[Symbol.iterator](): Generator<T> {
    for (const heap of this.#groups.values()) yield* heap;
  }

  #enter(waiting: T): void {
    let heap = this.#groups.get(waiting.group);
    if (heap === undefined) {
      heap = new Heap<T>(isBefore);
      this.#groups.set(waiting.group, heap);
    }
    heap.push(waiting);
    this.#length++;
  }
}
