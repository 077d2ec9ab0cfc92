import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AnswerCache } from '../../src/cache/answer-cache.ts';
import { startReaper } from '../../src/cache/reaper.ts';
import { ManualClock } from '../redis/manual-clock.ts';

const USAGE = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };

function reapedCache() {
  const clock = new ManualClock();
  const left: string[] = [];
  const cache = new AnswerCache({ maxBytes: 2 ** 26, counters: 1024, clock, left: (key) => left.push(key) });
  const slices: number[] = [];
  const end = startReaper({
    reap(limit) {
      const removed = cache.reap(limit);
      assert.ok(removed <= limit);
      slices.push(removed);
      return removed;
    },
    after: (milliseconds, run) => clock.after(milliseconds, run),
  });
  const keep = (serial: number, ttl: number): void => {
    cache.keep(serial.toString(16).padStart(64, '0'), '', { body: 'An answer', usage: USAGE, age: 0 }, ttl);
  };
  return { clock, cache, left, slices, end, keep };
}

describe('the reaper', () => {
  test('leaves nothing of what has expired in a cache that nobody uses any more', () => {
    const { clock, cache, left, keep } = reapedCache();
    for (let serial = 0; serial < 20; serial += 1) keep(serial, serial < 15 ? 1500 : 60_000);
    clock.advance(3000);
    assert.deepEqual([cache.entries, left.length], [5, 15]);
    clock.advance(60_000);
    assert.deepEqual([cache.entries, cache.bytes], [0, 0]);
  });

  test('clears a backlog in slices', () => {
    const { clock, cache, slices, keep } = reapedCache();
    for (let serial = 0; serial < 2500; serial += 1) keep(serial, 500);
    clock.advance(1000);
    assert.deepEqual([slices, cache.entries], [[1000], 1500]);
    clock.advance(100);
    assert.deepEqual([slices, cache.entries], [[1000, 1000, 500], 0]);
  });

  test('sets no timer after its end', () => {
    const { clock, end } = reapedCache();
    clock.advance(5000);
    end();
    assert.equal(clock.untilNext, undefined);
  });

  test('leaves exactly what lives, once the longest delay is over, whatever came when', () => {
    const fill = fc.record({
      wait: fc.nat({ max: 3000 }),
      key: fc.nat({ max: 30 }),
      ttl: fc.integer({ min: 1, max: 9000 }),
    });
    fc.assert(
      fc.property(fc.array(fill, { maxLength: 100 }), (fills) => {
        const { clock, cache, keep } = reapedCache();
        const expiries = new Map<number, number>();
        for (const { wait, key, ttl } of fills) {
          clock.advance(wait);
          keep(key, ttl);
          expiries.set(key, clock.now() + ttl);
          const lately = [...expiries.values()].filter((expiry) => expiry > clock.now() - 2000);
          assert.ok(cache.entries <= lately.length);
        }
        const living = [...expiries.values()].filter((expiry) => expiry > clock.now() + 2000);
        clock.advance(2000);
        assert.ok(cache.entries >= living.length);
        clock.advance(9000);
        assert.deepEqual([cache.entries, cache.bytes], [0, 0]);
      }),
    );
  });
});
