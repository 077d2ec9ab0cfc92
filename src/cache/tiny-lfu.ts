import { ExpiryBuckets } from './policy/expiry-buckets.ts';
import { Frequency } from './policy/frequency.ts';
import type { KeyHash } from './policy/key-hash.ts';
import { Regions } from './policy/regions.ts';
import { type Entry, hasExpired } from './policy/segment.ts';
import { WindowTuner } from './policy/window-tuner.ts';
import { type Removal, TinyLfuMetrics } from './tiny-lfu-metrics.ts';

/** Expired entries that each set removes at most: more than the one it adds, so that they give way before those that live. */
const REAPED_PER_SET = 4;

export interface TinyLfuOptions<K, V> {
  /** Bound on the sum of the costs, in the unit of `cost` (bytes, say): a positive integer. */
  readonly capacity: number;
  /** Entries costlier than this are not kept. */
  readonly maxEntryCost: number;
  /** Counters of the frequency sketch; 16 for each entry expected when full is ample. */
  readonly counters: number;
  /** Time to live where `set` names none, in milliseconds; Infinity for ever. */
  readonly ttl: number;
  /** Milliseconds after which popularity counts half, where the number of requests has not halved it sooner. */
  readonly halfLife: number;
  readonly hash: KeyHash<K>;
  /** Milliseconds that never go backwards, e.g. `performance`. */
  readonly clock: { now(): number };
  /** Told of each value that leaves, and why. It must neither throw nor call the cache. */
  readonly onRemove?: (key: K, value: V, removal: Removal) => void;
}

/** What is known of an entry. Times in milliseconds. */
export interface EntryInfo {
  readonly cost: number;
  /** Since the fill. */
  readonly age: number;
  readonly ttl: number;
  /** Until it expires; always above 0. */
  readonly remainingTtl: number;
  /** Hits since the fill. */
  readonly hits: number;
}

/** A value that was found, and what is known of its entry. */
export interface FoundEntry<V> extends EntryInfo {
  readonly value: V;
}

/**
 * A cache of bounded cost that keeps what is asked for often or lately, as W-TinyLFU does (Einziger, Friedman and
 * Manes, "TinyLFU", ACM TOS 2017); how much of it goes to either, the load decides. Where entries live and which give way
 * is told in Regions, how popularity is counted and forgotten in Frequency, and how the balance is found in WindowTuner.
 *
 * At every step: the costs sum to at most `capacity`; an entry is served while `now - fill < ttl`; nothing is served
 * after its `delete`, nor an older value after a `set` of its key, whether that was kept or not.
 */
export class TinyLfuCache<K extends string | number, V> {
  readonly metrics: TinyLfuMetrics = new TinyLfuMetrics();
  readonly #options: TinyLfuOptions<K, V>;
  readonly #maxEntryCost: number;
  readonly #frequency: Frequency;
  readonly #regions: Regions<K, V>;
  readonly #expiry = new ExpiryBuckets<Entry<K, V>>();
  readonly #tuner: WindowTuner;
  /** Hash of the key at hand. */
  readonly #words = new Int32Array(4);

  /** @throws RangeError when the capacity is not a positive integer */
  constructor(options: TinyLfuOptions<K, V>) {
    requireInteger('capacity of a cache', options.capacity);
    this.#options = options;
    this.#maxEntryCost = Math.min(options.maxEntryCost, options.capacity);
    this.#frequency = new Frequency(options, options.clock.now());
    this.#tuner = new WindowTuner(options.capacity, this.#frequency);
    this.#regions = new Regions(options.capacity, this.#frequency, (entry, removal, now) => {
      this.#leave(entry, removal, now);
    });
    this.#regions.setWindow(this.#tuner.share);
  }

  /** Entries held, those included that have expired and were neither met nor reaped since. */
  get size(): number {
    return this.#regions.size;
  }

  /** Sum of the costs of the entries held. */
  get bytes(): number {
    return this.#regions.cost;
  }

  /** Bytes that the sketch and the doorkeeper take, from the beginning and for good. */
  get sketchBytes(): number {
    return this.#frequency.bytes;
  }

  /** Part of the capacity that new entries have for themselves at present. */
  get windowShare(): number {
    return this.#tuner.share;
  }

  /** The value, if it is here and has not expired. Counts as a request for the key, found or not. */
  get(key: K, now: number = this.#options.clock.now()): V | undefined {
    return this.#use(key, now)?.value;
  }

  /** As `get`, with what is known of the entry, this hit included. */
  find(key: K, now: number = this.#options.clock.now()): FoundEntry<V> | undefined {
    const entry = this.#use(key, now);
    return entry && { value: entry.value, ...infoOf(entry, now) };
  }

  #use(key: K, now: number): Entry<K, V> | undefined {
    const entry = this.#regions.use(key);
    if (entry === undefined) {
      this.#options.hash(key, this.#words);
      this.#request(this.#words[0] ?? 0, this.#words[1] ?? 0, this.#words[2] ?? 0, this.#words[3] ?? 0, now);
      this.metrics.misses += 1;
      return undefined;
    }
    this.#request(entry.h0, entry.h1, entry.h2, entry.h3, now);
    if (hasExpired(entry, now)) {
      this.#remove(entry, 'expired', now);
      this.metrics.misses += 1;
      return undefined;
    }
    this.metrics.hits += 1;
    entry.hits += 1;
    this.#tuner.fill(entry.h0, entry.h1, entry.h2, entry.h3, entry.cost, entry.start + entry.ttl);
    return entry;
  }

  /**
   * Keeps the value, unless it costs more than `maxEntryCost` or `ttl` is not above 0; an older value of the key is gone
   * either way. What is kept may displace others, and be displaced itself by what comes after it.
   *
   * @param cost a positive integer
   * @param ttl milliseconds from now
   * @returns whether it was kept
   * @throws RangeError when the cost is not a positive integer
   */
  set(
    key: K,
    value: V,
    cost: number,
    ttl: number = this.#options.ttl,
    now: number = this.#options.clock.now(),
  ): boolean {
    requireInteger('cost of an entry', cost);
    this.reap(REAPED_PER_SET, now);
    const present = this.#regions.find(key);
    if (cost > this.#maxEntryCost || !(ttl > 0)) {
      if (present !== undefined) this.#discard(present, now);
      this.metrics.setsDropped += 1;
      return false;
    }
    if (present !== undefined && !hasExpired(present, now)) {
      this.#update(present, value, cost, ttl, now);
    } else {
      if (present !== undefined) this.#remove(present, 'expired', now);
      this.#insert(key, value, cost, ttl, now);
    }
    this.#frequency.expect((this.#options.capacity * this.size) / this.bytes);
    return true;
  }

  /** Returns whether the key was here. */
  delete(key: K, now: number = this.#options.clock.now()): boolean {
    const entry = this.#regions.find(key);
    if (entry === undefined) return false;
    this.#discard(entry, now);
    return !hasExpired(entry, now);
  }

  /** Whether `get` would find the key. Not counted as a request. */
  has(key: K, now: number = this.#options.clock.now()): boolean {
    return this.#live(key, now) !== undefined;
  }

  /** What `get` would return. Not counted as a request. */
  peek(key: K, now: number = this.#options.clock.now()): V | undefined {
    return this.#live(key, now)?.value;
  }

  /** What is known of the entry that `get` would find. Not counted as a request. */
  info(key: K, now: number = this.#options.clock.now()): EntryInfo | undefined {
    const entry = this.#live(key, now);
    return entry && infoOf(entry, now);
  }

  /** Deletes every entry. What was popular remains known. */
  clear(now: number = this.#options.clock.now()): void {
    for (const entry of this.#regions.all()) if (entry !== undefined) this.#leave(entry, 'deleted', now);
    this.#regions.clear();
    this.#tuner.clear();
  }

  /**
   * Removes at most `limit` entries that have expired, the earliest first, and returns how many. An entry comes up within
   * a second of its expiry (BUCKET_MS). Every set does so for a few; see startReaper for when no sets come.
   */
  reap(limit: number, now: number = this.#options.clock.now()): number {
    let removed = 0;
    for (; removed < limit; removed += 1) {
      const entry = this.#expiry.due(now);
      if (entry === undefined) break;
      this.#remove(entry, 'expired', now);
    }
    return removed;
  }

  #live(key: K, now: number): Entry<K, V> | undefined {
    const entry = this.#regions.find(key);
    return entry === undefined || hasExpired(entry, now) ? undefined : entry;
  }

  #request(h0: number, h1: number, h2: number, h3: number, now: number): void {
    this.#frequency.record(h0, h1, h2, h3, now);
    if (this.#tuner.request(h0, h1, now)) this.#regions.setWindow(this.#tuner.share);
  }

  #insert(key: K, value: V, cost: number, ttl: number, now: number): void {
    this.#options.hash(key, this.#words);
    const h0 = this.#words[0] ?? 0;
    const h1 = this.#words[1] ?? 0;
    const h2 = this.#words[2] ?? 0;
    const h3 = this.#words[3] ?? 0;
    const nowhere = { segment: undefined, bucket: undefined, previous: undefined, next: undefined };
    const entry: Entry<K, V> = { key, value, cost, start: now, ttl, hits: 0, ...nowhere, h0, h1, h2, h3 };
    this.#regions.insert(entry, now);
    this.#expiry.add(entry);
    this.#tuner.fill(h0, h1, h2, h3, cost, now + ttl);
    this.metrics.keysAdded += 1;
    this.metrics.costAdded += cost;
  }

  #update(entry: Entry<K, V>, value: V, cost: number, ttl: number, now: number): void {
    const replaced = entry.value;
    this.metrics.keysUpdated += 1;
    this.metrics.costAdded += cost - entry.cost;
    this.#expiry.remove(entry);
    entry.value = value;
    entry.start = now;
    entry.ttl = ttl;
    entry.hits = 0;
    this.#expiry.add(entry);
    this.#regions.resize(entry, cost, now);
    this.#tuner.fill(entry.h0, entry.h1, entry.h2, entry.h3, cost, now + ttl);
    this.#options.onRemove?.(entry.key, replaced, 'replaced');
  }

  /** Removes an entry whose value is void, also from what the tuner believes to be here. */
  #discard(entry: Entry<K, V>, now: number): void {
    this.#remove(entry, hasExpired(entry, now) ? 'expired' : 'deleted', now);
    this.#tuner.drop(entry.h0, entry.h1);
  }

  #remove(entry: Entry<K, V>, removal: 'deleted' | 'expired', now: number): void {
    this.#regions.remove(entry);
    this.#leave(entry, removal, now);
  }

  #leave(entry: Entry<K, V>, removal: Exclude<Removal, 'replaced'>, now: number): void {
    this.#expiry.remove(entry);
    this.metrics.countRemoval(removal, entry.cost, now - entry.start);
    this.#options.onRemove?.(entry.key, entry.value, removal);
  }
}

function infoOf(
  { cost, start, ttl, hits }: Pick<Entry<string, unknown>, 'cost' | 'start' | 'ttl' | 'hits'>,
  now: number,
): EntryInfo {
  const age = now - start;
  return { cost, age, ttl, remainingTtl: ttl - age, hits };
}

function requireInteger(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`The ${what} must be a positive integer, not ${value}.`);
  }
}
