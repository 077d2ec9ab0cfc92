import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frequency } from '../../../src/cache/policy/frequency.ts';
import { wordsOf } from '../hashes.ts';

function record(frequency: Frequency, key: number, times: number, now = 0): void {
  for (let i = 0; i < times; i += 1) frequency.record(...wordsOf(key), now);
}

function frequencyOf(options: { counters?: number; halfLife?: number }): Frequency {
  return new Frequency({ counters: 65_536, halfLife: Number.POSITIVE_INFINITY, ...options }, 0);
}

test('the doorkeeper holds the first occurrence and the sketch those that follow', () => {
  const frequency = frequencyOf({});
  assert.equal(frequency.estimate(...wordsOf(1)), 0);
  record(frequency, 1, 1);
  assert.equal(frequency.estimate(...wordsOf(1)), 1);
  record(frequency, 1, 4);
  assert.equal(frequency.estimate(...wordsOf(1)), 5);
});

test('popularity halves after ten occurrences for each entry the cache can hold, however large the sketch', () => {
  const frequency = frequencyOf({});
  frequency.expect(10);
  record(frequency, 1, 9);
  record(frequency, 2, 90);
  assert.ok(frequency.estimate(...wordsOf(2)) >= 15);
  record(frequency, 3, 1);
  assert.equal(frequency.estimate(...wordsOf(1)), 4);
  assert.equal(frequency.estimate(...wordsOf(2)), 7);
});

test('popularity halves after the half-life, even where few requests come', () => {
  const frequency = frequencyOf({ halfLife: 1000 });
  record(frequency, 1, 9, 0);
  record(frequency, 2, 1, 999);
  assert.equal(frequency.estimate(...wordsOf(1)), 9);
  record(frequency, 3, 1, 1000);
  assert.equal(frequency.estimate(...wordsOf(1)), 4);
});

test('after a silence of many half-lives the halvings that were missed are made up for', () => {
  const frequency = frequencyOf({ counters: 512, halfLife: 1000 });
  frequency.expect(1000);
  record(frequency, 1, 16, 0);
  record(frequency, 2, 64, 1_000_000);
  assert.equal(frequency.estimate(...wordsOf(1)), 0);
});
