import type { Random } from '../../src/simulator/random.ts';

/** Where parsers break: ends of ranges, lengths that lie, and characters that mean something. */
const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x5c, 0x7b, 0x5b, 0xc3, 0xed, 0xf4];
const VARINTS = ['7f', '8001', 'ffffffff0f', 'ffffffffffffffffff01', 'ffffffffffffffffffff7f', '80808080808080808000'];
const TEXTS = [
  '"',
  '\\u0000',
  '\\ud800',
  '{"a":',
  '[[[[',
  '1e999',
  '-0',
  'null',
  '${X}',
  '*a',
  '&a',
  '\ufeff',
  '\u0000',
  ': ',
];
const MOST_CHANGES = 4;

export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

export function oneOf<T>(random: Random, items: readonly [T, ...T[]] | readonly T[]): T {
  const item = items[below(random, items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

/** Bytes that are nearly those of a seed: a few pieces turned, cut, doubled, moved, or put in from another seed. */
export function mutated(random: Random, seed: Buffer, other: Buffer): Buffer {
  let bytes = seed;
  for (let change = 1 + below(random, MOST_CHANGES); change > 0; change -= 1) bytes = changed(random, bytes, other);
  return bytes;
}

function changed(random: Random, bytes: Buffer, other: Buffer): Buffer {
  const at = below(random, bytes.length + 1);
  const to = Math.min(bytes.length, at + below(random, 1 + Math.min(64, bytes.length)));
  const with_ = (middle: Buffer, rest = to): Buffer =>
    Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(rest)]);
  switch (below(random, 9)) {
    case 0:
      return with_(Buffer.from([(bytes[at] ?? 0) ^ (1 << below(random, 8))]), at + 1);
    case 1:
      return with_(Buffer.from([oneOf(random, BYTES)]), at + 1);
    case 2:
      return with_(Buffer.alloc(0));
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return with_(Buffer.concat([bytes.subarray(at, to), bytes.subarray(at, to)]));
    case 5:
      return with_(Buffer.from(oneOf(random, VARINTS), 'hex'), at);
    case 6:
      return with_(Buffer.from(oneOf(random, TEXTS)), at);
    case 7: {
      const from = below(random, other.length + 1);
      return with_(other.subarray(from, from + below(random, 64)));
    }
    default:
      return with_(Buffer.from(Array.from({ length: below(random, 16) }, () => below(random, 256))));
  }
}
