import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frequency } from '../../../src/cache/policy/frequency.ts';
import { WindowTuner } from '../../../src/cache/policy/window-tuner.ts';
import { wordsOf } from '../hashes.ts';

function play(capacity: number, keys: Iterable<number>): WindowTuner {
  const frequency = new Frequency({ counters: 16 * capacity, halfLife: Number.POSITIVE_INFINITY }, 0);
  frequency.expect(capacity);
  const tuner = new WindowTuner(capacity, frequency);
  for (const key of keys) {
    const [h0, h1, h2, h3] = wordsOf(key);
    frequency.record(h0, h1, h2, h3, 0);
    tuner.request(h0, h1, 0);
    tuner.fill(h0, h1, h2, h3, 1, Infinity);
  }
  return tuner;
}

function* loop(length: number, keys: number): Generator<number> {
  for (let at = 0; at < length; at += 1) yield at % keys;
}

/** Each key comes twice, `distance` accesses apart, and never again. */
function* twice(length: number, distance: number): Generator<number> {
  for (let at = 0; at < length; at += 1) yield Math.floor(at / (2 * distance)) * distance + (at % distance);
}

for (const capacity of [100, 1000, 20_000]) {
  test(`a loop a little too large makes the window small, at a capacity of ${capacity}`, () => {
    assert.equal(play(capacity, loop(capacity * 20, capacity * 2)).share, 0.01);
  });

  test(`keys that come back soon and never again make the window large, at a capacity of ${capacity}`, () => {
    assert.ok(play(capacity, twice(capacity * 20, Math.floor(capacity * 0.4))).share >= 0.5);
  });
}

test('where every window does equally well it stays as it was', () => {
  assert.equal(play(1000, loop(20_000, 500)).share, 0.1);
});

test('what has expired before it comes back, or was deleted, is a hit of no window', () => {
  for (const ttl of [399, Infinity]) {
    const frequency = new Frequency({ counters: 16_000, halfLife: Number.POSITIVE_INFINITY }, 0);
    frequency.expect(1000);
    const tuner = new WindowTuner(1000, frequency);
    let now = 0;
    for (const key of twice(20_000, 400)) {
      const [h0, h1, h2, h3] = wordsOf(key);
      frequency.record(h0, h1, h2, h3, now);
      tuner.request(h0, h1, now);
      tuner.fill(h0, h1, h2, h3, 1, now + ttl);
      if (ttl === Infinity) tuner.drop(h0, h1);
      now += 1;
    }
    assert.equal(tuner.share, 0.1);
  }
});
