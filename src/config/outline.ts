import { z } from 'zod';
import { formatPath, type Path } from './problem.ts';

/** Which keys the settings have where: the shape of the schema without its values. */
export interface Outline {
  readonly keys: ReadonlyMap<string, Outline>;
  /** Of the elements, where a list may stand. */
  readonly items: Outline | undefined;
}

const LEAF: Outline = { keys: new Map(), items: undefined };

/** Draws the outline of a schema. Where one object or a list of them may stand, it has both. */
export function outlineOf(schema: unknown): Outline {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return outlineOf(schema.unwrap());
  if (schema instanceof z.ZodPipe) return outlineOf(schema.in instanceof z.ZodTransform ? schema.out : schema.in);
  if (schema instanceof z.ZodArray) return { keys: new Map(), items: outlineOf(schema.element) };
  if (schema instanceof z.ZodObject) {
    const entries = Object.entries<unknown>(schema.shape);
    return { keys: new Map(entries.map(([key, value]) => [key, outlineOf(value)])), items: undefined };
  }
  if (schema instanceof z.ZodUnion) {
    const options = schema.options.map(outlineOf);
    return {
      keys: new Map(options.flatMap((option) => [...option.keys])),
      items: options.find((option) => option.items !== undefined)?.items,
    };
  }
  return LEAF;
}

/** The outline below one step; undefined where the settings have nothing there. */
export function below(outline: Outline | undefined, step: string | number): Outline | undefined {
  return typeof step === 'number' ? outline?.items : outline?.keys.get(step);
}

/** The outline at a path from the root. */
export function outlineAt(outline: Outline, path: Path): Outline | undefined {
  return path.reduce<Outline | undefined>(below, outline);
}

/** Advice for a key that the settings do not have at `path`: a neighbour of nearly that name, or its namesake elsewhere. */
export function suggestKey(outline: Outline, path: Path, unknown: string): string | undefined {
  const here = outlineAt(outline, path);
  const near = nearest(unknown, [...(here?.keys.keys() ?? [])]);
  return near ?? namesakes(outline, unknown)[0];
}

function namesakes(outline: Outline, key: string, path: Path = []): string[] {
  const found = outline.keys.has(key) ? [formatPath([...path, key])] : [];
  for (const [step, inner] of outline.keys) found.push(...namesakes(inner, key, [...path, step]));
  if (outline.items !== undefined) found.push(...namesakes(outline.items, key, [...path, 0]));
  return found;
}

/** The word that `text` was probably meant to be: at most one edit in three letters away. */
export function nearest(text: string, words: readonly string[]): string | undefined {
  // Comparing is quadratic in the length, and no word of the settings is that long.
  if (text.length > 64) return undefined;
  const plain = text.toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  let least = Math.max(1, Math.floor(text.length / 3)) + 1;
  for (const word of words) {
    const distance = editDistance(plain, word);
    if (distance < least) [best, least] = [word, distance];
  }
  return best;
}

/** Levenshtein distance with adjacent transpositions (optimal string alignment): swapped letters are one slip. */
function editDistance(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const substitution = (last[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      let distance = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substitution);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        distance = Math.min(distance, (beforeLast[j - 2] ?? 0) + 1);
      row.push(distance);
    }
    [beforeLast, last] = [last, row];
  }
  return last[other.length] ?? 0;
}
