import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FrequencySketch, MAX_COUNT } from '../../src/cache/sketch.ts';
import { incrementBy, wordsOf } from './hashes.ts';

test('a sketch counts a key that meets no other exactly, up to 15', () => {
  const sketch = new FrequencySketch(4096);
  for (let count = 0; count <= 20; count += 1) {
    assert.equal(sketch.estimate(...wordsOf(1)), Math.min(count, MAX_COUNT));
    incrementBy(sketch, 1, 1);
  }
  assert.equal(sketch.estimate(...wordsOf(2)), 0);
});

test('a sketch never underestimates', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 400 }), { maxLength: 2000 }), (keys) => {
      const sketch = new FrequencySketch(512);
      const counts = new Map<number, number>();
      for (const key of keys) {
        incrementBy(sketch, key, 1);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      for (const [key, count] of counts) assert.ok(sketch.estimate(...wordsOf(key)) >= Math.min(count, MAX_COUNT));
    }),
    { numRuns: 50 },
  );
});

test('an estimate exceeds the count by e * N / width for at most one key in e^4, as the count-min bound has it', () => {
  const sketch = new FrequencySketch(16_384);
  const counts = Array.from({ length: 4096 }, (_, key) => 1 + (key % 3));
  counts.forEach((count, key) => {
    incrementBy(sketch, key, count);
  });
  const occurrences = counts.reduce((sum, count) => sum + count, 0);
  const bound = (Math.E * occurrences) / 4096;
  const over = counts.filter((count, key) => sketch.estimate(...wordsOf(key)) - count > bound);
  assert.ok(over.length <= counts.length / Math.E ** 4);
});

test('ageing halves every counter and rounds down', () => {
  const sketch = new FrequencySketch(65_536);
  for (let count = 0; count <= MAX_COUNT; count += 1) incrementBy(sketch, count, count);
  sketch.age();
  for (let count = 0; count <= MAX_COUNT; count += 1) {
    assert.equal(sketch.estimate(...wordsOf(count)), Math.floor(count / 2));
  }
});

test('ageing in slices gives the same counters as ageing at once, whatever is counted meanwhile', () => {
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ kind: fc.constant('count' as const), amount: fc.nat({ max: 150 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), amount: fc.nat({ max: 6 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('age' as const), amount: fc.constant(0) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const sliced = new FrequencySketch(2048);
      const atOnce = new FrequencySketch(2048);
      for (const { kind, amount } of steps) {
        if (kind === 'count') {
          incrementBy(sliced, amount, 1);
          incrementBy(atOnce, amount, 1);
        } else if (kind === 'advance') {
          sliced.advance(amount);
        } else {
          sliced.age();
          atOnce.age();
          atOnce.advance(atOnce.blocks);
          assert.equal(atOnce.ageing, false);
        }
        if (amount % 7 === 0) assert.equal(sliced.estimate(...wordsOf(amount)), atOnce.estimate(...wordsOf(amount)));
      }
      for (let key = 0; key <= 150; key += 1) {
        assert.equal(sliced.estimate(...wordsOf(key)), atOnce.estimate(...wordsOf(key)));
      }
    }),
    { numRuns: 60 },
  );
});

test('a halving is over after as many blocks as the sketch has', () => {
  const sketch = new FrequencySketch(65_536);
  sketch.age();
  sketch.advance(sketch.blocks - 1);
  assert.equal(sketch.ageing, true);
  sketch.advance(1);
  assert.equal(sketch.ageing, false);
});

test('a row is a power of two, and ten million counters take no more than eight mebibytes and bookkeeping', () => {
  const sketch = new FrequencySketch(10_000_000);
  assert.equal(sketch.counters, 4 * 2 ** 22);
  assert.ok(sketch.bytes <= 2 ** 23 + 2 ** 17);
});
