import { readFileSync } from 'node:fs';

export interface Pair {
  readonly kind: string;
  readonly a: string;
  readonly b: string;
}

const FIXTURES = new URL('../../fixtures/similar/', import.meta.url);

/** Pairs of a JSONL file of `{a, b, kind}`. */
export function readPairs(file: string): Pair[] {
  return readFileSync(new URL(file, FIXTURES), 'utf8')
    .trim()
    .split('\n')
    .map((line): Pair => JSON.parse(line));
}

/** Pairs written as one text each, with `{first|second}` where they part; a line that begins with `#` names the kind. */
export function readVariants(file: string): Pair[] {
  const pairs: Pair[] = [];
  let kind = '';
  // A line's end inside braces belongs to the prompt.
  for (const [line] of readFileSync(new URL(file, FIXTURES), 'utf8').matchAll(/(?:\{[^{}]*\}|[^{}\n])+/g)) {
    if (line.startsWith('# ')) kind = line.slice(2);
    else {
      const variant = (which: number): string =>
        line.replace(/\{([^{}|]*)\|([^{}]*)\}/g, (_, first: string, second: string) => (which === 0 ? first : second));
      pairs.push({ kind, a: variant(0), b: variant(1) });
    }
  }
  return pairs;
}
