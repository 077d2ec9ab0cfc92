import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { BUCKET_MS } from '../../src/cache/policy/expiry-buckets.ts';
import { TinyLfuCache } from '../../src/cache/tiny-lfu.ts';
import { hashInteger } from './hashes.ts';

const CAPACITY = 64;
const MAX_ENTRY_COST = 24;

interface Fill {
  readonly value: number;
  readonly cost: number;
  readonly start: number;
  readonly ttl: number;
}

/** The latest fill of each key, less what the cache said it removed: what is evicted is the policy's own affair. */
interface Model {
  readonly resident: Map<number, Fill>;
  now: number;
  fills: number;
}

type Cache = TinyLfuCache<number, number>;
type Step = fc.Command<Model, Cache>;

function live(model: Model, key: number): Fill | undefined {
  const fill = model.resident.get(key);
  return fill !== undefined && model.now - fill.start < fill.ttl ? fill : undefined;
}

function step(name: string, act: (model: Model, cache: Cache) => void): Step {
  return {
    check: () => true,
    run(model, cache) {
      act(model, cache);
      const costs = [...model.resident.values()].map((fill) => fill.cost);
      assert.equal(cache.size, costs.length);
      assert.equal(
        cache.bytes,
        costs.reduce((sum, cost) => sum + cost, 0),
      );
      assert.ok(cache.bytes <= CAPACITY);
      const m = cache.metrics;
      assert.equal(m.keysAdded, m.keysEvicted + m.keysExpired + m.keysDeleted + cache.size);
      assert.equal(m.costAdded, m.costEvicted + m.costExpired + m.costDeleted + cache.bytes);
      assert.ok(m.setsRejected <= m.keysEvicted);
    },
    toString: () => name,
  };
}

const key = fc.nat({ max: 40 });
const steps = [
  key.map((key) =>
    step(`get(${key})`, (model, cache) => {
      const expected = live(model, key)?.value;
      const { hits, misses } = cache.metrics;
      assert.equal(cache.get(key), expected);
      assert.equal(cache.metrics.hits - hits, expected === undefined ? 0 : 1);
      assert.equal(cache.metrics.misses - misses, expected === undefined ? 1 : 0);
    }),
  ),
  fc.tuple(key, fc.integer({ min: 1, max: 30 }), fc.constantFrom(0, 5, 40, 3000, Infinity)).map(([key, cost, ttl]) =>
    step(`set(${key}, cost ${cost}, ttl ${ttl})`, (model, cache) => {
      model.fills += 1;
      const value = model.fills;
      const kept = cost <= MAX_ENTRY_COST && ttl > 0;
      assert.equal(cache.set(key, value, cost, ttl), kept);
      if (kept) model.resident.set(key, { value, cost, start: model.now, ttl });
      assert.equal(cache.peek(key), kept ? value : undefined);
    }),
  ),
  key.map((key) =>
    step(`delete(${key})`, (model, cache) => {
      const expected = live(model, key) !== undefined;
      assert.equal(cache.delete(key), expected);
      assert.equal(cache.has(key), false);
    }),
  ),
  key.map((key) =>
    step(`look(${key})`, (model, cache) => {
      const fill = live(model, key);
      assert.equal(cache.has(key), fill !== undefined);
      assert.equal(cache.peek(key), fill?.value);
      const info = cache.info(key);
      assert.equal(info?.age, fill && model.now - fill.start);
      assert.equal(info?.remainingTtl, fill && fill.start + fill.ttl - model.now);
      assert.equal(info?.cost, fill?.cost);
    }),
  ),
  fc.oneof(fc.nat({ max: 20 }), fc.constantFrom(700, 1000, 2500, 10_000)).map((by) =>
    step(`wait(${by})`, (model) => {
      model.now += by;
    }),
  ),
  fc.nat({ max: 10 }).map((limit) =>
    step(`reap(${limit})`, (model, cache) => {
      const before = model.resident.size;
      const removed = cache.reap(limit);
      assert.equal(before - model.resident.size, removed);
      assert.ok(removed <= limit);
    }),
  ),
  fc.nat({ max: BUCKET_MS }).map((late) =>
    step(`reap everything, ${late} ms after the last second`, (model, cache) => {
      model.now = Math.ceil(model.now / BUCKET_MS) * BUCKET_MS;
      const expired = [...model.resident.keys()].filter((key) => live(model, key) === undefined);
      model.now += late;
      while (cache.reap(3) === 3);
      for (const key of expired) assert.equal(model.resident.has(key), false);
      model.now = Math.ceil(model.now / BUCKET_MS) * BUCKET_MS;
      while (cache.reap(3) === 3);
      for (const key of model.resident.keys()) assert.notEqual(live(model, key), undefined);
    }),
  ),
  fc.constant(
    step('clear()', (model, cache) => {
      cache.clear();
      assert.equal(model.resident.size, 0);
    }),
  ),
];

test('capacity, time to live, freshness and accounts hold after every step', () => {
  fc.assert(
    fc.property(
      fc.commands([...steps, ...steps.slice(0, 2), ...steps.slice(0, 2)], { maxCommands: 400, size: 'max' }),
      (commands) => {
        const model: Model = { resident: new Map(), now: 0, fills: 0 };
        const cache: Cache = new TinyLfuCache<number, number>({
          capacity: CAPACITY,
          maxEntryCost: MAX_ENTRY_COST,
          counters: 512,
          ttl: 40,
          halfLife: 100,
          hash: hashInteger,
          clock: { now: () => model.now },
          onRemove(key, value, removal) {
            const fill = model.resident.get(key);
            assert.equal(fill?.value, value);
            if (removal === 'expired') assert.equal(live(model, key), undefined);
            else if (removal !== 'deleted') assert.notEqual(live(model, key), undefined);
            model.resident.delete(key);
          },
        });
        fc.modelRun(() => ({ model, real: cache }), commands);
      },
    ),
    { numRuns: 150 },
  );
});
