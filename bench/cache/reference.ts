/**
 * Hit ratios in percent of a trace, at a capacity of so many entries: exact LRU, Belady with bypass, and W-TinyLFU with a
 * fixed window of 20 %.
 */
export interface ReferenceRow {
  readonly trace: string;
  readonly capacity: number;
  readonly lru: number;
  readonly opt: number;
  readonly wTinyLfu20: number;
}

/** Trace, capacity, LRU, OPT, W-TinyLFU 20 %: from the README that comes with the traces. */
const ROWS: readonly (readonly [string, number, number, number, number])[] = [
  ['lirs-gli', 500, 0.95, 34.33, 26.88],
  ['lirs-gli', 1000, 11.21, 53.15, 45.07],
  ['lirs-gli', 1500, 36.56, 57.96, 52.5],
  ['lirs-loop', 256, 0, 25.27, 19.32],
  ['lirs-loop', 512, 0, 50.54, 39.06],
  ['lirs-loop', 768, 0, 75.81, 60.53],
  ['lirs-multi1', 200, 40.72, 51.22, 45.43],
  ['lirs-multi1', 1000, 48.23, 71.4, 65.27],
  ['lirs-multi1', 2000, 83.21, 83.57, 83.08],
  ['lirs-multi2', 500, 35.98, 53.62, 44.34],
  ['lirs-multi2', 1500, 48.31, 69.76, 60.25],
  ['lirs-multi2', 3000, 71.18, 78.4, 75.13],
  ['lirs-multi3', 500, 32.65, 48.9, 37.88],
  ['lirs-multi3', 1500, 44.12, 62.9, 54.16],
  ['lirs-multi3', 3000, 52.12, 73.6, 65.46],
  ['lirs-sprite', 200, 39.88, 68.9, 46.72],
  ['lirs-sprite', 600, 83.19, 89.95, 80.41],
  ['lirs-sprite', 1000, 90.64, 93.24, 87.18],
  ['lirs-2pools', 100, 21.95, 50.75, 40.39],
  ['lirs-2pools', 450, 50.27, 62.06, 51.65],
  ['lirs-2pools', 1000, 54.41, 68.52, 54.4],
  ['lirs-cs', 250, 1.83, 16.58, 11.55],
  ['lirs-cs', 500, 1.83, 31.32, 23.68],
  ['lirs-cs', 1000, 1.83, 60.82, 46.98],
  ['lirs-cpp', 35, 0.86, 47.56, 34.97],
  ['lirs-cpp', 100, 69.71, 82.6, 72.48],
  ['lirs-cpp', 300, 83.49, 86.48, 85.24],
  ['lirs-ps', 500, 48.55, 58.12, 55.18],
  ['lirs-ps', 1000, 48.55, 67.69, 62.83],
  ['lirs-ps', 2000, 70.48, 70.49, 70.49],
  ['arc-oltp', 1000, 32.83, 53.62, 40.75],
  ['arc-oltp', 5000, 53.65, 68.27, 55.01],
  ['arc-oltp', 15000, 64.63, 75.14, 65.06],
  ['c2k-web07', 512, 45.74, 59.33, 49.59],
  ['c2k-web07', 2048, 55.66, 68.09, 57.67],
  ['c2k-web07', 8192, 67.16, 73.09, 67.47],
  ['c2k-web12', 512, 56.12, 72.05, 61],
  ['c2k-web12', 2048, 72.81, 82.49, 75.14],
  ['c2k-web12', 8192, 83.98, 85.61, 84.07],
  ['c2k-orm-busy-1m', 1000, 79.57, 85.01, 76.85],
  ['c2k-orm-busy-1m', 5000, 86.56, 91.78, 87.23],
  ['c2k-orm-busy-1m', 20000, 93.71, 95.58, 94.11],
  ['corda-vault', 512, 33.33, 33.33, 33.33],
  ['corda-vault', 2048, 33.33, 33.33, 33.33],
  ['corda-vault', 8192, 33.33, 33.33, 33.33],
  ['scarab-recs', 10000, 48.65, 66.57, 52.41],
  ['scarab-recs', 40000, 66.36, 77.72, 65.51],
  ['scarab-recs', 100000, 75.91, 79.25, 73.89],
  ['cphys-io', 2000, 17.29, 28.11, 18.83],
  ['cphys-io', 8000, 22.95, 43.13, 24.51],
  ['cphys-io', 20000, 36.72, 54.47, 44.49],
];

export const REFERENCE: readonly ReferenceRow[] = ROWS.map(([trace, capacity, lru, opt, wTinyLfu20]) => ({
  trace,
  capacity,
  lru,
  opt,
  wTinyLfu20,
}));

/** Hit ratios of `cphys-io` with unlimited capacity, by the time to live in seconds, counted from the fill. */
export const TTL_REFERENCE: readonly { readonly seconds: number; readonly hitRatio: number }[] = [
  { seconds: 60, hitRatio: 26.98 },
  { seconds: 300, hitRatio: 35.38 },
  { seconds: 600, hitRatio: 36.05 },
  { seconds: 1800, hitRatio: 36.73 },
  { seconds: Infinity, hitRatio: 56.99 },
];

/** Object hit ratios of LRU for `adaptsize-web`, by the capacity in bytes. */
export const SIZE_REFERENCE: readonly { readonly share: string; readonly capacity: number; readonly lru: number }[] = [
  { share: '2 %', capacity: 6_084_272, lru: 23.23 },
  { share: '10 %', capacity: 30_421_358, lru: 29.83 },
  { share: '30 %', capacity: 91_264_073, lru: 36.02 },
];
