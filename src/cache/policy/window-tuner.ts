import type { Frequency } from './frequency.ts';
import { MiniatureCache } from './miniature-cache.ts';
import { NONE, Sample } from './sample.ts';

/** Window sizes that compete, as parts of the capacity: nearly pure frequency, W-TinyLFU's usual, half recency, nearly LRU. */
export const WINDOW_SHARES = [0.01, 0.1, 0.5, 0.8] as const;
/** The window before there is evidence: the best fixed one over the access traces (docs/adr/0005-cache-policy.md). */
const INITIAL = 1;
/** Keys watched at most. The miniature caches share most of them, which leaves each some 1,000 to 2,000 entries. */
const WATCHED_KEYS = 4096;
/** Entries costlier than this part of a miniature cache are not watched: few such would fill it. */
const WATCHED_COST_SHARE = 1 / 8;
/** Half-life of the evidence, in accesses per entry of a miniature cache. */
const MEMORY = 10;
/** A decision is taken after this many accesses per entry of a miniature cache. */
const EPOCH = 0.5;
/** Standard deviations by which a window must lead the present one. */
const CONFIDENCE = 3;
/** Disagreements below which no lead counts. */
const MIN_DISAGREEMENTS = 4;

/**
 * Chooses how much of the cache is window. Miniature caches, one for each size that competes, see a sample of the real
 * requests; the size with the most hits wins, if McNemar's test (Psychometrika 1947: of the accesses where two differ,
 * is the split more uneven than chance?) says that its lead over the present one is no accident. Unlike hill climbing,
 * which compares one period with the next and so takes a change of load for an effect of its last step, the sizes are
 * compared on the same requests, and a better size is found however far away it is.
 */
export class WindowTuner {
  readonly #sample = new Sample(WATCHED_KEYS);
  readonly #caches: readonly MiniatureCache[];
  readonly #capacity: number;
  readonly #hits = new Float64Array(WINDOW_SHARES.length);
  /** Accesses at which two caches disagreed, by pairs. */
  readonly #disagreements = new Float64Array(WINDOW_SHARES.length ** 2);
  #current = INITIAL;
  #sinceDecision = 0;

  /** @param capacity capacity of the real cache, in its units of cost */
  constructor(capacity: number, frequency: Frequency) {
    this.#capacity = capacity;
    this.#caches = WINDOW_SHARES.map((share) => new MiniatureCache(share, this.#sample, frequency));
    this.#resize();
  }

  /** The part of the capacity that the window should have. */
  get share(): number {
    return WINDOW_SHARES[this.#current] ?? 0;
  }

  /** A request for the key: which of the windows would have had it? Returns whether `share` has changed. */
  request(h0: number, h1: number, now: number): boolean {
    if (!this.#sample.includes(h0)) return false;
    const node = this.#sample.find(h0, h1);
    let holders = 0;
    if (node !== NONE) {
      if (now < (this.#sample.expires[node] ?? 0)) holders = this.#touch(node);
      else this.#forget(node);
    }
    if (holders !== 0 && holders !== (1 << this.#caches.length) - 1) this.#noteDisagreements(holders);
    this.#sinceDecision += 1;
    const entries = this.#caches[this.#current]?.size ?? 0;
    if (this.#sinceDecision < EPOCH * entries) return false;
    const present = this.#current;
    this.#decide(present);
    this.#decay(0.5 ** (this.#sinceDecision / (MEMORY * Math.max(1, entries))));
    this.#sinceDecision = 0;
    return this.#current !== present;
  }

  /** The key is resident from now on: the windows that do not hold it take it in. */
  fill(h0: number, h1: number, h2: number, h3: number, cost: number, expires: number): void {
    if (!this.#sample.includes(h0)) return;
    if (cost > this.#capacity * this.#sample.rate * WATCHED_COST_SHARE) {
      this.drop(h0, h1);
      return;
    }
    let node = this.#sample.find(h0, h1);
    if (node !== NONE && this.#sample.cost[node] !== cost) {
      this.#forget(node);
      node = NONE;
    }
    while (node === NONE) {
      node = this.#sample.acquire(h0, h1, h2, h3);
      if (node === NONE) {
        this.#narrow();
        if (!this.#sample.includes(h0)) return;
      }
    }
    this.#sample.cost[node] = cost;
    this.#sample.expires[node] = expires;
    for (const cache of this.#caches) if (!cache.has(node)) cache.insert(node);
  }

  /** The key was deleted. */
  drop(h0: number, h1: number): void {
    if (!this.#sample.includes(h0)) return;
    const node = this.#sample.find(h0, h1);
    if (node !== NONE) this.#forget(node);
  }

  /** Every key was deleted. */
  clear(): void {
    for (const cache of this.#caches) cache.removeWhere(() => true);
  }

  #touch(node: number): number {
    let holders = 0;
    for (let i = 0; i < this.#caches.length; i += 1) {
      const cache = this.#caches[i];
      if (cache === undefined || !cache.has(node)) continue;
      cache.touch(node);
      holders |= 1 << i;
      this.#hits[i] = (this.#hits[i] ?? 0) + 1;
    }
    return holders;
  }

  #noteDisagreements(holders: number): void {
    const count = this.#caches.length;
    for (let a = 0; a < count; a += 1) {
      for (let b = 0; b < count; b += 1) {
        const pair = a * count + b;
        if ((((holders >> a) ^ (holders >> b)) & 1) === 1) {
          this.#disagreements[pair] = (this.#disagreements[pair] ?? 0) + 1;
        }
      }
    }
  }

  #decide(present: number): void {
    for (let other = 0; other < this.#caches.length; other += 1) {
      const lead = (this.#hits[other] ?? 0) - (this.#hits[present] ?? 0);
      const disagreements = this.#disagreements[other * this.#caches.length + present] ?? 0;
      const deviation = Math.sqrt(Math.max(MIN_DISAGREEMENTS, disagreements));
      if (lead > CONFIDENCE * deviation && (this.#hits[other] ?? 0) > (this.#hits[this.#current] ?? 0)) {
        this.#current = other;
      }
    }
  }

  #decay(factor: number): void {
    for (let i = 0; i < this.#hits.length; i += 1) this.#hits[i] = (this.#hits[i] ?? 0) * factor;
    for (let i = 0; i < this.#disagreements.length; i += 1) {
      this.#disagreements[i] = (this.#disagreements[i] ?? 0) * factor;
    }
  }

  #forget(node: number): void {
    for (const cache of this.#caches) cache.remove(node);
  }

  /** Watches half as many keys in caches half as large; half of the evidence goes with them. */
  #narrow(): void {
    this.#sample.narrow();
    for (const cache of this.#caches) cache.removeWhere((node) => !this.#sample.includes(this.#sample.h0[node] ?? 0));
    this.#resize();
    this.#decay(0.5);
  }

  #resize(): void {
    for (const cache of this.#caches) cache.resize(Math.max(1, Math.round(this.#capacity * this.#sample.rate)));
  }
}
