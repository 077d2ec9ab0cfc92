import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import { Frequency } from '../../src/cache/policy/frequency.ts';
import { hexDigestWords } from '../../src/cache/policy/key-hash.ts';
import { FrequencySketch } from '../../src/cache/sketch.ts';
import { TinyLfuCache } from '../../src/cache/tiny-lfu.ts';
import { seededRandom, zipf } from './traces.ts';

const COUNTERS = 10_000_000;
const ENTRIES = 100_000;
const OPERATIONS = 200_000;
const ROUNDS = 5;
const COST = 4096;

/** Nanoseconds for each operation: ours, and plain lru-cache's with the same bound on bytes and the same time to live. */
export interface Speed {
  readonly ours: number;
  readonly lruCache: number;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1] ?? Number.NaN;
}

function digests(count: number, seed: string): string[] {
  return Array.from({ length: count }, (_, i) => createHash('sha256').update(`${seed}:${i}`).digest('hex'));
}

function nanoseconds(keys: readonly string[], operation: (key: string) => void): number {
  const start = performance.now();
  for (const key of keys) operation(key);
  return ((performance.now() - start) * 1e6) / keys.length;
}

/** Times lookups that hit (by Zipf's law), then insertions that displace, in turns. Keys are SHA-256 digests, the sketch has its full size. */
export function measureSpeed(): { readonly lookup: Speed; readonly insertion: Speed } {
  const ours = new TinyLfuCache<string, string>({
    capacity: ENTRIES * COST,
    maxEntryCost: (ENTRIES * COST) / 64,
    counters: COUNTERS,
    ttl: 300_000,
    halfLife: 3_600_000,
    hash: hexDigestWords,
    clock: performance,
  });
  const plain = new LRUCache<string, string>({ maxSize: ENTRIES * COST, ttl: 300_000 });
  const resident = digests(ENTRIES, 'resident');
  for (const key of resident) {
    ours.set(key, key, COST);
    plain.set(key, key, { size: COST });
  }
  const lookups = Array.from(zipf(OPERATIONS, ENTRIES, seededRandom(7)), (key) => resident[key] ?? '');
  const times = { lookup: [[], []], insertion: [[], []] } as { lookup: number[][]; insertion: number[][] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.lookup[0]?.push(nanoseconds(lookups, (key) => ours.get(key)));
    times.lookup[1]?.push(nanoseconds(lookups, (key) => plain.get(key)));
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const fresh = digests(OPERATIONS / 2, `fresh ${round}`);
    times.insertion[0]?.push(nanoseconds(fresh, (key) => ours.set(key, key, COST)));
    times.insertion[1]?.push(nanoseconds(fresh, (key) => plain.set(key, key, { size: COST })));
  }
  return { lookup: speedOf(times.lookup), insertion: speedOf(times.insertion) };
}

function speedOf([ours = [], lruCache = []]: readonly number[][]): Speed {
  return { ours: median(ours), lruCache: median(lruCache) };
}

/**
 * Bytes of the sketch and the doorkeeper at full size, and the longest pause of one recorded request during a halving,
 * in milliseconds: the median of five halvings' longest, because other processes pause us too. `atOnce` is what halving
 * the sketch in one go takes.
 */
export function measureSketch(): { readonly bytes: number; readonly longestPause: number; readonly atOnce: number } {
  const frequency = new Frequency({ counters: COUNTERS, halfLife: Infinity }, 0);
  const sample = 10 * ENTRIES;
  frequency.expect(ENTRIES);
  const random = seededRandom(11);
  const word = (): number => Math.floor(random() * 2 ** 32) | 0;
  const longest: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    let pause = 0;
    for (let i = 0; i < sample; i += 1) {
      const [h0, h1, h2, h3] = [word(), word(), word(), word()];
      const start = performance.now();
      frequency.record(h0, h1, h2, h3, 0);
      pause = Math.max(pause, performance.now() - start);
    }
    longest.push(pause);
  }
  const sketch = new FrequencySketch(COUNTERS);
  const start = performance.now();
  sketch.age();
  sketch.advance(sketch.blocks);
  const atOnce = performance.now() - start;
  return { bytes: frequency.bytes, longestPause: median(longest.slice(1)), atOnce };
}
