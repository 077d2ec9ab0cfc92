import type { FrequencySketch } from '../../src/cache/sketch.ts';

type Words = readonly [number, number, number, number];

/** Four independent 32-bit words for a small integer (splitmix32). */
export function wordsOf(key: number): Words {
  const word = (at: number): number => {
    let h = Math.imul(key * 4 + at + 1, 0x9e3779b9);
    h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
    h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
    return h ^ (h >>> 15);
  };
  return [word(0), word(1), word(2), word(3)];
}

/** KeyHash for small integers. */
export function hashInteger(key: number, words: Int32Array): void {
  words.set(wordsOf(key));
}

export function incrementBy(sketch: FrequencySketch, key: number, times: number): void {
  for (let i = 0; i < times; i += 1) sketch.increment(...wordsOf(key));
}
