import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import { Doorkeeper } from '../../src/cache/doorkeeper.ts';
import { Frequency } from '../../src/cache/policy/frequency.ts';
import { hexDigestWords } from '../../src/cache/policy/key-hash.ts';
import { MAX_BLOCKS_PER_STEP } from '../../src/cache/policy/sweep.ts';
import { FrequencySketch } from '../../src/cache/sketch.ts';
import { TinyLfuCache } from '../../src/cache/tiny-lfu.ts';
import { seededRandom, zipf } from './traces.ts';

const COUNTERS = 10_000_000;
const ENTRIES = 100_000;
const OPERATIONS = 100_000;
const ROUNDS = 5;
const AGEINGS = 9;
const COST = 4096;

/** Nanoseconds an operation: ours, and plain lru-cache's with the same bound on bytes and the same time to live. */
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

/**
 * Times lookups that hit (by Zipf's law), then misses that are filled and displace something, in turns. Keys are SHA-256
 * digests, the sketch has its full size.
 */
export function measureSpeed(): { readonly lookup: Speed; readonly missAndFill: Speed } {
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
  const fillOurs = (key: string): void => {
    if (ours.get(key) === undefined) ours.set(key, key, COST);
  };
  const fillPlain = (key: string): void => {
    if (plain.get(key) === undefined) plain.set(key, key, { size: COST });
  };
  const resident = digests(ENTRIES, 'resident');
  resident.forEach(fillOurs);
  resident.forEach(fillPlain);
  const lookups = Array.from(zipf(OPERATIONS, ENTRIES, seededRandom(7)), (key) => resident[key] ?? '');
  const lookup = alternate(
    () => lookups,
    (key) => ours.get(key),
    (key) => plain.get(key),
  );
  const missAndFill = alternate((round) => digests(OPERATIONS, `fresh ${round}`), fillOurs, fillPlain);
  return { lookup, missAndFill };
}

function alternate(
  keysOf: (round: number) => readonly string[],
  ours: (key: string) => void,
  lruCache: (key: string) => void,
): Speed {
  const times: { readonly ours: number[]; readonly lruCache: number[] } = { ours: [], lruCache: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const keys = keysOf(round);
    // A string computes its hash when it first meets a Map: neither side should pay for the other.
    void new Set(keys);
    times.ours.push(nanoseconds(keys, ours));
    times.lruCache.push(nanoseconds(keys, lruCache));
  }
  return { ours: median(times.ours), lruCache: median(times.lruCache) };
}

/**
 * Bytes of the sketch and the doorkeeper at full size, and the longest slice of ageing them, at the most blocks that a
 * slice may have, in milliseconds. The same slice does the same work in every ageing, so the median over several ageings
 * leaves out what other processes and the collector took. `atOnce` is what ageing takes in one go.
 */
export function measureSketch(): { readonly bytes: number; readonly longestPause: number; readonly atOnce: number } {
  const { bytes } = new Frequency({ counters: COUNTERS, halfLife: Infinity }, 0);
  const sketch = new FrequencySketch(COUNTERS);
  const doorkeeper = new Doorkeeper(2 * COUNTERS);
  const advance = (blocks: number): number => {
    const start = performance.now();
    sketch.advance(blocks);
    doorkeeper.advance(blocks);
    return performance.now() - start;
  };
  const slices: number[][] = [];
  const atOnce: number[] = [];
  for (let ageing = 0; ageing < AGEINGS; ageing += 1) {
    sketch.age();
    doorkeeper.reset();
    for (let slice = 0; sketch.ageing || doorkeeper.resetting; slice += 1) {
      (slices[slice] ??= []).push(advance(MAX_BLOCKS_PER_STEP));
    }
    sketch.age();
    doorkeeper.reset();
    atOnce.push(advance(Math.max(sketch.blocks, doorkeeper.blocks)));
  }
  return { bytes, longestPause: Math.max(...slices.map(median)), atOnce: median(atOnce) };
}
