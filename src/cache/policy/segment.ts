import { LRUCache } from 'lru-cache';
import type { Expiring } from './expiry-buckets.ts';

/** A resident entry. Times in milliseconds of the cache's clock. */
export interface Entry<K extends string | number, V> extends Expiring<Entry<K, V>> {
  readonly key: K;
  value: V;
  cost: number;
  /** When the value was filled. */
  start: number;
  ttl: number;
  /** Hits since the fill. */
  hits: number;
  /** Where it lives; undefined before it is inserted. */
  segment: Segment<K, V> | undefined;
  /** The key's hash, kept so that admission need not hash victims anew. */
  readonly h0: number;
  readonly h1: number;
  readonly h2: number;
  readonly h3: number;
}

/** A hit needs `now - fill < ttl`. */
export function hasExpired(entry: { readonly start: number; readonly ttl: number }, now: number): boolean {
  return now - entry.start >= entry.ttl;
}

/**
 * One LRU segment of the cache. lru-cache keeps the order and sums the costs; the time to live is the cache's own,
 * because lru-cache still serves an entry at the millisecond it expires, takes a start of 0 for "never expires", and
 * accepts whole milliseconds only.
 */
export class Segment<K extends string | number, V> {
  readonly #entries: LRUCache<K, Entry<K, V>>;
  /** lru-cache takes the cost as an option; one object serves all calls. */
  readonly #options = { size: 1 };

  /** @param capacity lru-cache wants some bound on the cost; Regions keeps well within it, so that lru-cache never evicts by itself */
  constructor(capacity: number) {
    this.#entries = new LRUCache({ maxSize: capacity });
  }

  get size(): number {
    return this.#entries.size;
  }

  get cost(): number {
    return this.#entries.calculatedSize;
  }

  /** The entry, which becomes the most recently used. */
  use(key: K): Entry<K, V> | undefined {
    return this.#entries.get(key);
  }

  /** The entry, untouched. */
  peek(key: K): Entry<K, V> | undefined {
    return this.#entries.peek(key);
  }

  /** Takes the entry in as the most recently used. */
  add(entry: Entry<K, V>): void {
    entry.segment = this;
    this.#options.size = entry.cost;
    this.#entries.set(entry.key, entry, this.#options);
  }

  remove(entry: Entry<K, V>): void {
    // delete() of the last entry clears arrays as long as the segment ever was; pop() does not.
    if (this.#entries.size === 1) this.#entries.pop();
    else this.#entries.delete(entry.key);
  }

  /** Removes and returns the least recently used entry. */
  takeOldest(): Entry<K, V> | undefined {
    return this.#entries.pop();
  }

  /** All entries, least recently used first. Entries may be removed meanwhile. */
  oldestFirst(): Generator<Entry<K, V> | undefined, void, unknown> {
    return this.#entries.rvalues();
  }

  clear(): void {
    this.#entries.clear();
  }
}
