import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Murmur3's finalizer: every bit of the input changes half of the output's. */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** KeyHash for the dense ids of the traces, which have no digest whose words could serve. */
export function mixedWords(key: number, words: Int32Array): void {
  let state = key;
  for (let i = 0; i < 4; i += 1) {
    state = mix((state + 0x9e3779b9) | 0);
    words[i] = state;
  }
}

/** Whether the folder has the traces. */
export function hasTraces(folder: string): boolean {
  return existsSync(join(folder, 'arc-oltp.u32.gz'));
}

function loadWords(folder: string, file: string): Uint32Array {
  const bytes = gunzipSync(readFileSync(join(folder, `${file}.u32.gz`)));
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function column(words: Uint32Array, columns: number, index: number): Uint32Array {
  return Uint32Array.from({ length: words.length / columns }, (_, row) => words[row * columns + index] ?? 0);
}

/** The keys of a trace, one for each access. */
export function loadKeys(folder: string, trace: string): Uint32Array {
  return trace === 'cphys-io' ? loadTimed(folder).keys : loadWords(folder, trace);
}

/** `adaptsize-web`: keys, and their sizes in bytes. */
export function loadSized(folder: string): { readonly keys: Uint32Array; readonly sizes: Uint32Array } {
  const words = loadWords(folder, 'adaptsize-web.key-size');
  return { keys: column(words, 2, 0), sizes: column(words, 2, 1) };
}

/** `cphys-io`: keys, and when each was asked for, in seconds since the start. */
export function loadTimed(folder: string): { readonly keys: Uint32Array; readonly seconds: Uint32Array } {
  const words = loadWords(folder, 'cphys-io.sec-key-size');
  return { keys: column(words, 3, 1), seconds: column(words, 3, 0) };
}

/** Park and Miller's generator (CACM 1988): the same numbers in every run, from 0 to below 1. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Keys 0 to `keys - 1`, where key k is as likely as 1 / (k + 1) (Zipf's law with exponent 1, by inversion). */
export function zipf(length: number, keys: number, random: () => number): Uint32Array {
  const cumulative = new Float64Array(keys);
  let sum = 0;
  for (let key = 0; key < keys; key += 1) cumulative[key] = sum += 1 / (key + 1);
  return Uint32Array.from({ length }, () => {
    const wanted = random() * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}

/** Stand-ins where the traces are not at hand: popularity, a loop, popularity disturbed by scans, and recency alone. */
export function generateTraces(): { readonly name: string; readonly capacity: number; readonly keys: Uint32Array }[] {
  const random = seededRandom(20_250_101);
  const popular = zipf(300_000, 50_000, random);
  const scanned = popular.map((key, at) => (at % 30_000 < 6_000 ? 100_000 + at : key));
  return [
    { name: 'zipf', capacity: 1_000, keys: popular },
    { name: 'loop', capacity: 512, keys: Uint32Array.from({ length: 200_000 }, (_, at) => at % 1_011) },
    { name: 'zipf-with-scans', capacity: 1_000, keys: scanned },
    {
      name: 'twice-and-never-again',
      capacity: 1_000,
      keys: Uint32Array.from({ length: 100_000 }, (_, at) => twice(at)),
    },
  ];
}

/** Each key comes twice, 64 accesses apart. */
function twice(at: number): number {
  return (at >>> 7) * 64 + (at & 63);
}
