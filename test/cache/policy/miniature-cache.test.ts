import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Frequency } from '../../../src/cache/policy/frequency.ts';
import { MiniatureCache } from '../../../src/cache/policy/miniature-cache.ts';
import { Regions } from '../../../src/cache/policy/regions.ts';
import { NONE, Sample } from '../../../src/cache/policy/sample.ts';
import { wordsOf } from '../hashes.ts';

const CAPACITY = 60;

test('a miniature cache that watches every key holds exactly what the regions hold', () => {
  const access = fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 7 }));
  const accesses = fc.array(access, { maxLength: 600, size: 'max' });
  fc.assert(
    fc.property(accesses, fc.constantFrom(0.01, 0.1, 0.5, 0.8), (accesses, share) => {
      const frequency = new Frequency({ counters: 1024, halfLife: Number.POSITIVE_INFINITY }, 0);
      frequency.expect(20);
      const regions = new Regions<number, true>(CAPACITY, frequency, () => undefined);
      regions.setWindow(share);
      const sample = new Sample(CAPACITY + 1);
      const miniature = new MiniatureCache(share, sample, frequency);
      miniature.resize(CAPACITY);
      const costs = new Map<number, number>();
      for (const [key, drawn] of accesses) {
        const cost = costs.get(key) ?? drawn;
        costs.set(key, cost);
        const [h0, h1, h2, h3] = wordsOf(key);
        frequency.record(h0, h1, h2, h3, 0);
        const node = sample.find(h0, h1);
        const resident = regions.use(key) !== undefined;
        assert.equal(node !== NONE, resident);
        if (resident) {
          miniature.touch(node);
          continue;
        }
        const nowhere = { segment: undefined, bucket: undefined, previous: undefined, next: undefined };
        const entry = { key, value: true as const, cost, start: 0, ttl: Infinity, hits: 0, ...nowhere };
        regions.insert({ ...entry, h0, h1, h2, h3 }, 0);
        const added = sample.acquire(h0, h1, h2, h3);
        sample.cost[added] = cost;
        miniature.insert(added);
        assert.equal(miniature.cost, regions.cost);
        assert.equal(miniature.size, regions.size);
      }
    }),
  );
});

test('removing what is held gives every node back to the sample', () => {
  const frequency = new Frequency({ counters: 1024, halfLife: Number.POSITIVE_INFINITY }, 0);
  const sample = new Sample(8);
  const miniature = new MiniatureCache(0.1, sample, frequency);
  miniature.resize(8);
  for (let round = 0; round < 3; round += 1) {
    for (let key = 0; key < 8; key += 1) {
      const node = sample.acquire(...wordsOf(key));
      assert.notEqual(node, NONE);
      sample.cost[node] = 1;
      miniature.insert(node);
    }
    assert.equal(sample.acquire(...wordsOf(8)), NONE);
    miniature.removeWhere(() => true);
    assert.equal(miniature.size, 0);
    assert.equal(miniature.cost, 0);
  }
});
