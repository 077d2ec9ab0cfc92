import { LRUCache } from 'lru-cache';
import { TinyLfuCache } from '../../src/cache/tiny-lfu.ts';
import { mixedWords } from './traces.ts';

/** The cache's share of counters in the product: 10,000,000 for the 625,000 entries of 1.7 KB that fill 1 GiB. */
const COUNTERS_PER_ENTRY = 16;
const STOPPED_CLOCK = { now: () => 0 };

function cacheOf(capacity: number, maxEntryCost: number, entries: number, ttl: number): TinyLfuCache<number, true> {
  return new TinyLfuCache({
    capacity,
    maxEntryCost,
    counters: COUNTERS_PER_ENTRY * entries,
    ttl,
    halfLife: Infinity,
    hash: mixedWords,
    clock: STOPPED_CLOCK,
  });
}

/** Hit ratio in percent where every entry costs 1. */
export function replay(keys: Uint32Array, capacity: number): number {
  const cache = cacheOf(capacity, 1, capacity, Infinity);
  for (const key of keys) if (cache.get(key) === undefined) cache.set(key, true, 1);
  return (100 * cache.metrics.hits) / keys.length;
}

/** The same for plain lru-cache. */
export function replayLru(keys: Uint32Array, capacity: number): number {
  const cache = new LRUCache<number, true>({ max: capacity });
  let hits = 0;
  for (const key of keys) {
    if (cache.get(key) === undefined) cache.set(key, true);
    else hits += 1;
  }
  return (100 * hits) / keys.length;
}

/** Hit ratio in percent where entries cost their size, and the most bytes that were ever resident. */
export function replaySized(
  keys: Uint32Array,
  sizes: Uint32Array,
  capacity: number,
  maxEntryCost: number,
): { readonly hitRatio: number; readonly mostBytes: number } {
  const meanSize = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const cache = cacheOf(capacity, maxEntryCost, Math.ceil(capacity / meanSize), Infinity);
  let mostBytes = 0;
  keys.forEach((key, at) => {
    if (cache.get(key) !== undefined) return;
    cache.set(key, true, Math.max(1, sizes[at] ?? 1));
    mostBytes = Math.max(mostBytes, cache.bytes);
  });
  return { hitRatio: (100 * cache.metrics.hits) / keys.length, mostBytes };
}

/** Hit ratio in percent with unlimited capacity, where entries live for so many seconds of the trace's own clock. */
export function replayTimed(keys: Uint32Array, seconds: Uint32Array, ttlSeconds: number): number {
  const cache = cacheOf(keys.length, 1, keys.length, ttlSeconds * 1000);
  keys.forEach((key, at) => {
    const now = (seconds[at] ?? 0) * 1000;
    if (cache.get(key, now) === undefined) cache.set(key, true, 1, undefined, now);
  });
  return (100 * cache.metrics.hits) / keys.length;
}
