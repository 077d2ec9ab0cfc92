import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { TinyLfuCache, type TinyLfuOptions } from '../../src/cache/tiny-lfu.ts';
import { hashInteger } from './hashes.ts';

type Removed = readonly [key: number, value: string, removal: string];

let now = 0;
let removed: Removed[] = [];

beforeEach(() => {
  now = 0;
  removed = [];
});

function cacheOf(options: Partial<TinyLfuOptions<number, string>> = {}): TinyLfuCache<number, string> {
  return new TinyLfuCache<number, string>({
    capacity: 100,
    maxEntryCost: 50,
    counters: 1024,
    ttl: 1000,
    halfLife: Number.POSITIVE_INFINITY,
    hash: hashInteger,
    clock: { now: () => now },
    onRemove: (...told) => removed.push(told),
    ...options,
  });
}

describe('time to live', () => {
  test('an entry is served while now - fill < ttl, also when it was filled at time 0', () => {
    const cache = cacheOf();
    cache.set(1, 'a', 1);
    now = 999.5;
    assert.equal(cache.get(1), 'a');
    now = 1000;
    assert.equal(cache.has(1), false);
    assert.equal(cache.peek(1), undefined);
    assert.equal(cache.info(1), undefined);
    assert.equal(cache.get(1), undefined);
    assert.deepEqual(removed, [[1, 'a', 'expired']]);
    assert.equal(cache.size, 0);
  });

  test('hits do not prolong it, and a set starts it anew', () => {
    const cache = cacheOf();
    cache.set(1, 'a', 1);
    now = 900;
    cache.get(1);
    cache.set(1, 'b', 1);
    now = 1899;
    assert.equal(cache.get(1), 'b');
    now = 1900;
    assert.equal(cache.get(1), undefined);
  });

  test('an entry may have its own, with any fraction of a millisecond or none at all', () => {
    const cache = cacheOf();
    cache.set(1, 'short', 1, 0.5);
    cache.set(2, 'for ever', 1, Infinity);
    assert.equal(cache.get(1, 0.4), 'short');
    assert.equal(cache.get(1, 0.5), undefined);
    assert.equal(cache.get(2, 1e12), 'for ever');
  });

  test('age, time left and hits since the fill can be read', () => {
    const cache = cacheOf();
    cache.set(1, 'a', 7, 400);
    cache.get(1);
    now = 150;
    cache.get(1);
    assert.deepEqual(cache.info(1), { cost: 7, age: 150, ttl: 400, remainingTtl: 250, hits: 2 });
    cache.set(1, 'b', 8);
    assert.deepEqual(cache.info(1), { cost: 8, age: 0, ttl: 1000, remainingTtl: 1000, hits: 0 });
  });

  test('reaping frees what has expired, the earliest first, a bounded number at a time', () => {
    const cache = cacheOf();
    for (let key = 0; key < 20; key += 1) cache.set(key, 'a', 1, key < 15 ? 2000 - 100 * key : 2001);
    now = 2000;
    assert.deepEqual(
      Array.from({ length: 5 }, () => cache.reap(4)),
      [4, 4, 4, 3, 0],
    );
    assert.ok(removed.slice(0, 5).every(([key]) => key >= 10));
    assert.equal(cache.size, 5);
    assert.equal(cache.bytes, 5);
    assert.equal(cache.metrics.keysExpired, 15);
  });

  test('under a load of keys that never come back, what has expired leaves within a second or so', () => {
    const cache = cacheOf({ capacity: 1_000_000 });
    for (let key = 0; key < 20_000; key += 1) {
      now += 20;
      cache.set(key, 'a', 1);
      assert.ok(cache.size <= (1000 + 1000) / 20 + 1, `${cache.size} entries at ${now} ms`);
    }
  });

  test('a fill under an earlier time than the last is reaped like others', () => {
    const cache = cacheOf();
    cache.set(1, 'a', 1, 9000, 1000);
    cache.set(2, 'b', 1, 500, 9000);
    cache.reap(1, 9900);
    cache.set(3, 'c', 1, 500, 2000);
    assert.equal(cache.reap(10, 11_000), 3);
    assert.equal(cache.size, 0);
  });

  test('an expired entry gives way before one that lives, however popular it was', () => {
    const cache = cacheOf({ capacity: 10, maxEntryCost: 1 });
    for (let key = 0; key < 10; key += 1) cache.set(key, 'old', 1, 1000);
    for (let round = 0; round < 10; round += 1) for (let key = 0; key < 10; key += 1) cache.get(key);
    now = 1000;
    for (let key = 10; key < 20; key += 1) cache.set(key, 'new', 1);
    for (let key = 10; key < 20; key += 1) assert.equal(cache.has(key), true);
  });
});

describe('an older value is never served', () => {
  test('after delete', () => {
    const cache = cacheOf();
    cache.set(1, 'a', 1);
    assert.equal(cache.delete(1), true);
    assert.equal(cache.get(1), undefined);
    assert.equal(cache.delete(1), false);
  });

  test('after clear', () => {
    const cache = cacheOf();
    for (let key = 0; key < 30; key += 1) cache.set(key, 'a', 1);
    cache.clear();
    assert.equal(cache.size, 0);
    assert.equal(cache.bytes, 0);
    assert.equal(removed.length, 30);
    for (let key = 0; key < 30; key += 1) assert.equal(cache.get(key), undefined);
  });

  test('after a set that was dropped for its cost or its time to live', () => {
    const cache = cacheOf();
    for (const [cost, ttl] of [
      [51, 1000],
      [1, 0],
      [1, -1],
      [1, Number.NaN],
    ] as const) {
      cache.set(1, 'old', 1);
      assert.equal(cache.set(1, 'new', cost, ttl), false);
      assert.equal(cache.get(1), undefined);
    }
    assert.equal(cache.metrics.setsDropped, 4);
  });
});

describe('cost', () => {
  test('an entry of the greatest cost is kept, one costlier is not', () => {
    const cache = cacheOf();
    assert.equal(cache.set(1, 'a', 50), true);
    assert.equal(cache.set(2, 'b', 51), false);
    assert.equal(cache.bytes, 50);
  });

  test('an update that costs more displaces others, never the capacity', () => {
    const cache = cacheOf();
    for (let key = 0; key < 10; key += 1) cache.set(key, 'a', 10);
    cache.set(9, 'b', 40);
    assert.equal(cache.peek(9), 'b');
    assert.ok(cache.bytes <= 100);
  });

  test('costs and capacities that are no positive integers are refused', () => {
    const cache = cacheOf();
    for (const wrong of [0, -1, 1.5, Number.NaN, Infinity]) {
      assert.throws(() => cache.set(1, 'a', wrong), RangeError);
      assert.throws(() => cacheOf({ capacity: wrong }), RangeError);
    }
  });
});

describe('metrics', () => {
  test('they tell what became of gets and sets', () => {
    const cache = cacheOf();
    cache.get(1);
    cache.set(1, 'a', 10);
    cache.get(1);
    cache.set(1, 'b', 4);
    cache.set(2, 'c', 5);
    cache.delete(2);
    const { lifeExpectancy, ...counters } = cache.metrics;
    assert.deepEqual(counters, {
      hits: 1,
      misses: 1,
      keysAdded: 2,
      keysUpdated: 1,
      keysEvicted: 0,
      keysExpired: 0,
      keysDeleted: 1,
      costAdded: 9,
      costEvicted: 0,
      costExpired: 0,
      costDeleted: 5,
      setsDropped: 0,
      setsRejected: 0,
    });
    assert.equal(lifeExpectancy.count, 0);
    assert.deepEqual(removed, [
      [1, 'a', 'replaced'],
      [2, 'c', 'deleted'],
    ]);
  });

  test('newcomers seen once are rejected by entries seen often, and how long they lived is told', () => {
    const cache = cacheOf({ capacity: 20, maxEntryCost: 1, ttl: Infinity });
    for (let round = 0; round < 5; round += 1) {
      for (let key = 0; key < 18; key += 1) if (cache.get(key) === undefined) cache.set(key, 'popular', 1);
    }
    for (let key = 100; key < 140; key += 1) {
      now += 1500;
      cache.set(key, 'once', 1);
    }
    assert.equal(cache.metrics.setsRejected, 38);
    assert.equal(cache.metrics.keysEvicted, 38);
    for (let key = 0; key < 18; key += 1) assert.equal(cache.has(key), true);
    const { lifeExpectancy } = cache.metrics;
    assert.equal(lifeExpectancy.count, 38);
    assert.equal(lifeExpectancy.sum, 38 * 3);
    assert.deepEqual(lifeExpectancy.counts.slice(0, 4), [0, 0, 38, 0]);
  });
});

test('looking without asking changes neither what is kept nor what is counted', () => {
  const plain = cacheOf({ capacity: 20, maxEntryCost: 1 });
  const watched = cacheOf({ capacity: 20, maxEntryCost: 1 });
  for (let at = 0; at < 3000; at += 1) {
    const key = (at * at) % 97;
    for (const cache of [plain, watched]) if (cache.get(key) === undefined) cache.set(key, 'a', 1);
    for (const look of [at % 30, key]) {
      watched.peek(look);
      watched.has(look);
      watched.info(look);
    }
  }
  for (let key = 0; key < 97; key += 1) assert.equal(watched.has(key), plain.has(key));
  assert.deepEqual(watched.metrics, plain.metrics);
});
