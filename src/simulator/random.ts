/** A source of numbers in [0, 1). */
export type Random = () => number;

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** Tommy Ettinger's mulberry32: small, fast, and good enough for words, jitter and faults. `state` is 32 bits. */
export function randomFrom(state: number): Random {
  let next = state >>> 0;
  return () => {
    next = (next + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(next ^ (next >>> 15), next | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The same numbers for the same seed. */
export function seededRandom(seed: string): Random {
  return randomFrom(fnv1a(seed));
}

/** An integer of the closed range. */
export function integerBetween(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** One of the values; the list must not be empty. */
export function pick<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new RangeError('cannot pick from an empty list');
  return value;
}
