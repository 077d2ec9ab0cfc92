import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LRUCache } from 'lru-cache';
import { TinyLfuCache } from '../../src/cache/tiny-lfu.ts';
import { hashInteger } from './hashes.ts';

const LENGTH = 60_000;

function hitRatio(capacity: number, keys: readonly number[]): number {
  const cache = new TinyLfuCache<number, true>({
    capacity,
    maxEntryCost: 1,
    counters: 16 * capacity,
    ttl: Infinity,
    halfLife: Number.POSITIVE_INFINITY,
    hash: hashInteger,
    clock: { now: () => 0 },
  });
  for (const key of keys) if (cache.get(key) === undefined) cache.set(key, true, 1);
  return cache.metrics.hits / keys.length;
}

function lruHitRatio(capacity: number, keys: readonly number[]): number {
  const cache = new LRUCache<number, true>({ max: capacity });
  return keys.filter((key) => cache.get(key) ?? !cache.set(key, true)).length / keys.length;
}

/** Park and Miller's generator (CACM 1988), so that every run sees the same trace. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Popularity falls as 1 / rank over so many keys (the continuous form of Zipf's law). */
function popular(keys: number, seed: number): number[] {
  const random = seeded(seed);
  return Array.from({ length: LENGTH }, () => Math.floor(keys ** random()) - 1);
}

test('popularity: a twentieth of the keys serves well over what LRU makes of it', () => {
  const keys = popular(10_000, 1);
  const ours = hitRatio(500, keys);
  assert.ok(ours >= 0.63, `${ours}`);
  assert.ok(ours >= lruHitRatio(500, keys) + 0.07);
});

test('a scan of keys that never come back leaves the popular ones where they are', () => {
  const keys = popular(10_000, 2).map((key, at) => (at % 5000 < 2000 ? 1_000_000 + at : key));
  const ours = hitRatio(500, keys);
  assert.ok(ours >= 0.35, `${ours}`);
  assert.ok(ours >= lruHitRatio(500, keys) + 0.04);
});

test('a loop over twice the capacity is served for the most part of what fits, where LRU serves nothing', () => {
  const keys = Array.from({ length: LENGTH }, (_, at) => at % 1000);
  assert.equal(lruHitRatio(500, keys), 0);
  const ours = hitRatio(500, keys);
  assert.ok(ours >= 0.43, `${ours}`);
});

test('keys that come back soon and never again are served as by LRU', () => {
  const keys = Array.from({ length: LENGTH }, (_, at) => Math.floor(at / 400) * 200 + (at % 200));
  assert.equal(lruHitRatio(500, keys), 0.5);
  const ours = hitRatio(500, keys);
  assert.ok(ours >= 0.48, `${ours}`);
});

test('when the popular keys change, the new ones take over', () => {
  const before = popular(10_000, 3);
  const after = popular(10_000, 4).map((key) => 20_000 + key);
  const ours = 2 * hitRatio(500, [...before, ...after]) - hitRatio(500, before);
  assert.ok(ours >= 0.62, `${ours}`);
});
