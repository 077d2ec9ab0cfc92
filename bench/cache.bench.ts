import { join } from 'node:path';
import { REFERENCE, SIZE_REFERENCE, TTL_REFERENCE } from './cache/reference.ts';
import { replay, replayLru, replaySized, replayTimed } from './cache/replay.ts';
import { measureSketch, measureSpeed } from './cache/speed.ts';
import { generateTraces, hasTraces, loadKeys, loadSized, loadTimed } from './cache/traces.ts';
import type { Benchmark } from './main.ts';
import { judge } from './report.ts';

/** Single rows that must not be lost while the mean rises: loops, recency, and three big ones. */
const ROW_TARGETS: readonly (readonly [trace: string, capacity: number, atLeast: number])[] = [
  ['lirs-loop', 512, 38],
  ['lirs-gli', 1000, 44],
  ['lirs-cs', 1000, 46],
  ['corda-vault', 512, 32],
  ['arc-oltp', 1000, 39],
  ['scarab-recs', 40000, 64.5],
  ['c2k-web12', 512, 60],
];

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function judgeHitRatios(folder: string): boolean {
  console.log('\nHit ratio in %, every entry costs 1');
  console.log('trace             capacity     ours      LRU  W-TLFU 20%     OPT   ours/OPT');
  const ratios = new Map<string, number>();
  let keys: Uint32Array = new Uint32Array();
  let loaded = '';
  for (const { trace, capacity, lru, wTinyLfu20, opt } of REFERENCE) {
    if (trace !== loaded) keys = loadKeys(folder, trace);
    loaded = trace;
    const ours = replay(keys, capacity);
    ratios.set(`${trace}@${capacity}`, ours);
    const columns = [ours.toFixed(2), lru.toFixed(2), wTinyLfu20.toFixed(2), opt.toFixed(2), (ours / opt).toFixed(3)];
    const [first = '', second = '', third = '', fourth = '', fifth = ''] = columns.map((text) => text.padStart(8));
    console.log(
      `${trace.padEnd(16)} ${String(capacity).padStart(9)} ${first} ${second}    ${third}${fourth}   ${fifth}`,
    );
  }
  const ours = (row: { readonly trace: string; readonly capacity: number }): number =>
    ratios.get(`${row.trace}@${row.capacity}`) ?? 0;
  const margins = REFERENCE.map((row) => ours(row) - Math.min(row.lru, row.wTinyLfu20));
  return [
    judge('mean of ours / OPT', mean(REFERENCE.map((row) => ours(row) / row.opt)), 'at least', 0.86),
    judge('mean hit ratio', mean(REFERENCE.map(ours)), 'at least', 54, ' %'),
    judge('worst row against min(LRU, W-TinyLFU 20 %)', Math.min(...margins), 'at least', -1, ' points'),
    ...ROW_TARGETS.map(([trace, capacity, atLeast]) =>
      judge(`${trace}@${capacity}`, ours({ trace, capacity }), 'at least', atLeast, ' %'),
    ),
  ].every(Boolean);
}

function judgeSizes(folder: string): boolean {
  console.log('\nEntries that cost their size (adaptsize-web), object hit ratio');
  const { keys, sizes } = loadSized(folder);
  return SIZE_REFERENCE.map(({ share, capacity, lru }) => {
    const limited = replaySized(keys, sizes, capacity, Math.floor(capacity / 64));
    const unlimited = replaySized(keys, sizes, capacity, capacity);
    console.log(`       at ${share}, entries of any size kept: ${unlimited.hitRatio.toFixed(2)} %`);
    const met = judge(
      `at ${share} of the footprint`,
      limited.hitRatio,
      'at least',
      share === '30 %' ? lru : lru + 3,
      ' %',
    );
    const most = Math.max(limited.mostBytes, unlimited.mostBytes);
    return judge(`most bytes resident at ${share}`, most, 'at most', capacity) && met;
  }).every(Boolean);
}

function judgeTtl(folder: string): boolean {
  console.log('\nTime to live, counted from the fill (cphys-io, unlimited capacity)');
  const { keys, seconds } = loadTimed(folder);
  return TTL_REFERENCE.map((row) => {
    const hitRatio = Number(replayTimed(keys, seconds, row.seconds).toFixed(2));
    return judge(
      `${row.seconds} s: off ${row.hitRatio} % by`,
      Math.abs(hitRatio - row.hitRatio),
      'at most',
      0,
      ' points',
    );
  }).every(Boolean);
}

function judgeStandIns(folder: string): boolean {
  console.log(`\n*** NO TRACES in ${folder}: generated stand-ins instead; these figures prove little. ***`);
  return generateTraces()
    .map(({ name, capacity, keys }) => {
      const lru = replayLru(keys, capacity);
      console.log(`       ${name}@${capacity}: LRU ${lru.toFixed(2)} %`);
      return judge(`${name}@${capacity}`, replay(keys, capacity), 'at least', Number((lru - 1).toFixed(2)), ' %');
    })
    .every(Boolean);
}

function judgeSpeed(): boolean {
  console.log('\nCost beside plain lru-cache (100,000 entries, SHA-256 keys, sketch of 10,000,000 counters)');
  const { lookup, missAndFill } = measureSpeed();
  for (const [name, speed] of Object.entries({ lookup, 'miss and fill': missAndFill })) {
    console.log(`       ${name}: ${speed.ours.toFixed(0)} ns, lru-cache ${speed.lruCache.toFixed(0)} ns`);
  }
  const { bytes, longestPause, atOnce } = measureSketch();
  console.log(
    `       sketch and doorkeeper: ${(bytes / 2 ** 20).toFixed(1)} MiB; ageing at once: ${atOnce.toFixed(2)} ms`,
  );
  return [
    judge('lookup / lru-cache', lookup.ours / lookup.lruCache, 'at most', 5),
    judge('miss and fill / lru-cache', missAndFill.ours / missAndFill.lruCache, 'at most', 8),
    judge('longest pause while ageing in slices', longestPause, 'at most', 1, ' ms'),
  ].every(Boolean);
}

export const benchmark: Benchmark = {
  summary: 'hit ratios of the response cache on access traces, its cost and its pauses [DATA_DIR]',
  run: async ([data = '../shared/data']) => {
    const folder = join(data, 'cache-traces');
    const hits = hasTraces(folder)
      ? [judgeHitRatios(folder), judgeSizes(folder), judgeTtl(folder)]
      : [judgeStandIns(folder)];
    return [...hits, judgeSpeed()].every(Boolean);
  },
};
