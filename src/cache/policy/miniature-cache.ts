import type { Frequency } from './frequency.ts';
import { PROTECTED_SHARE } from './regions.ts';
import type { Sample } from './sample.ts';

const ABSENT = 0;
const WINDOW = 1;
const PROBATION = 2;
const PROTECTED = 3;
const SEGMENTS = 4;

/**
 * What a cache with another window would hold of the sampled keys: the rules of Regions, without values, on linked
 * lists in typed arrays. Admission asks the real cache's counts.
 */
export class MiniatureCache {
  readonly #windowShare: number;
  readonly #sample: Sample;
  readonly #frequency: Frequency;
  #capacity = 0;
  #windowCapacity = 0;
  #protectedCapacity = 0;
  readonly #segment: Uint8Array;
  /** Circular lists, least recently used first; the last SEGMENTS places are their heads. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #cost = new Float64Array(SEGMENTS);
  #entries = 0;

  constructor(windowShare: number, sample: Sample, frequency: Frequency) {
    this.#windowShare = windowShare;
    this.#sample = sample;
    this.#frequency = frequency;
    this.#segment = new Uint8Array(sample.capacity);
    this.#next = new Int32Array(sample.capacity + SEGMENTS);
    this.#previous = new Int32Array(sample.capacity + SEGMENTS);
    for (let segment = 0; segment < SEGMENTS; segment += 1) {
      const head = sample.capacity + segment;
      this.#next[head] = head;
      this.#previous[head] = head;
    }
  }

  get size(): number {
    return this.#entries;
  }

  get cost(): number {
    return (this.#cost[WINDOW] ?? 0) + (this.#cost[PROBATION] ?? 0) + (this.#cost[PROTECTED] ?? 0);
  }

  /** Sets the capacity; what is over it goes, least recently used first. */
  resize(capacity: number): void {
    this.#capacity = capacity;
    this.#windowCapacity = Math.round(capacity * this.#windowShare);
    this.#protectedCapacity = Math.floor((capacity - this.#windowCapacity) * PROTECTED_SHARE);
    this.#makeRoom(0);
  }

  has(node: number): boolean {
    return this.#segment[node] !== ABSENT;
  }

  /** A hit. */
  touch(node: number): void {
    const segment = this.#segment[node];
    this.#unlink(node);
    if (segment === WINDOW) {
      this.#append(node, WINDOW);
      return;
    }
    this.#append(node, PROTECTED);
    while ((this.#cost[PROTECTED] ?? 0) > this.#protectedCapacity) this.#move(this.#oldest(PROTECTED), PROBATION);
  }

  /** A miss that was filled. The node must be absent, and its cost at most the capacity. */
  insert(node: number): void {
    const cost = this.#sample.cost[node] ?? 0;
    while ((this.#cost[WINDOW] ?? 0) > 0 && (this.#cost[WINDOW] ?? 0) + cost > this.#windowCapacity) {
      const candidate = this.#oldest(WINDOW);
      const needed = this.cost + cost - this.#capacity;
      if (needed <= 0 || this.#admit(candidate, needed)) this.#move(candidate, PROBATION);
      else this.remove(candidate);
    }
    this.#makeRoom(cost);
    this.#append(node, WINDOW);
    this.#entries += 1;
    this.#sample.hold(node);
  }

  remove(node: number): void {
    if (this.#segment[node] === ABSENT) return;
    this.#unlink(node);
    this.#segment[node] = ABSENT;
    this.#entries -= 1;
    this.#sample.release(node);
  }

  /** Removes every node that the predicate chooses. */
  removeWhere(chosen: (node: number) => boolean): void {
    for (let node = 0; node < this.#segment.length; node += 1) {
      if (this.#segment[node] !== ABSENT && chosen(node)) this.remove(node);
    }
  }

  /** Whether the candidate is worth more than all it would displace; if so, that is evicted. */
  #admit(candidate: number, needed: number): boolean {
    const wanted = Math.min(needed, this.#sample.cost[candidate] ?? 0);
    const worth = this.#estimate(candidate);
    let freed = 0;
    let lost = 0;
    let victims = 0;
    let victim = this.#oldestOfMain();
    while (freed < wanted && victim < this.#sample.capacity) {
      lost += this.#estimate(victim);
      if (lost >= worth) return false;
      freed += this.#sample.cost[victim] ?? 0;
      victims += 1;
      const after = this.#next[victim] ?? 0;
      victim = after === this.#sample.capacity + PROBATION ? this.#oldest(PROTECTED) : after;
    }
    if (freed < wanted) return false;
    for (; victims > 0; victims -= 1) this.remove(this.#oldestOfMain());
    return true;
  }

  #makeRoom(cost: number): void {
    while (this.#entries > 0 && this.cost + cost > this.#capacity) {
      const victim = this.#oldestOfMain();
      this.remove(victim < this.#sample.capacity ? victim : this.#oldest(WINDOW));
    }
  }

  #estimate(node: number): number {
    const { h0, h1, h2, h3 } = this.#sample;
    return this.#frequency.estimate(h0[node] ?? 0, h1[node] ?? 0, h2[node] ?? 0, h3[node] ?? 0);
  }

  /** The segment's least recently used node, or its head (at or above the sample's capacity) when it is empty. */
  #oldest(segment: number): number {
    return this.#next[this.#sample.capacity + segment] ?? 0;
  }

  #oldestOfMain(): number {
    const oldest = this.#oldest(PROBATION);
    return oldest < this.#sample.capacity ? oldest : this.#oldest(PROTECTED);
  }

  #move(node: number, segment: number): void {
    this.#unlink(node);
    this.#append(node, segment);
  }

  #unlink(node: number): void {
    const previous = this.#previous[node] ?? 0;
    const next = this.#next[node] ?? 0;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    const segment = this.#segment[node] ?? ABSENT;
    this.#cost[segment] = (this.#cost[segment] ?? 0) - (this.#sample.cost[node] ?? 0);
  }

  #append(node: number, segment: number): void {
    const head = this.#sample.capacity + segment;
    const last = this.#previous[head] ?? head;
    this.#next[last] = node;
    this.#previous[node] = last;
    this.#next[node] = head;
    this.#previous[head] = node;
    this.#segment[node] = segment;
    this.#cost[segment] = (this.#cost[segment] ?? 0) + (this.#sample.cost[node] ?? 0);
  }
}
