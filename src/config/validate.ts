import type { z } from 'zod';
import { type Draft, isMapping } from './draft.ts';
import { nearest, outlineAt, outlineOf, suggestKey } from './outline.ts';
import type { Path } from './problem.ts';
import { PLANNED_SECTIONS, type Settings, settings } from './settings.ts';

type Issue = z.core.$ZodIssue;

/** Which keys the settings have. */
export const outline = outlineOf(settings);

/** Checks the draft against the schema and notes every problem in it; undefined where there are any. */
export function validate(draft: Draft): Settings | undefined {
  // An empty message tells what zod says by itself from what a field says.
  const result = settings.safeParse(draft.root, { error: () => '' });
  if (result.success) return result.data;
  for (const issue of result.error.issues) report(draft, issue, []);
  return undefined;
}

function report(draft: Draft, issue: Issue, parent: Path): void {
  const path = [...parent, ...issue.path.filter((step) => typeof step !== 'symbol')];
  if (draft.isSpoiled(path)) return;
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) draft.blame([...path, key], explainKey(path, key), 'key');
    return;
  }
  const branch = issue.code === 'invalid_union' ? intended(issue.errors) : undefined;
  if (branch === undefined) draft.blame(choosePath(draft, issue, path), explain(draft, issue, path));
  else for (const inner of branch) report(draft, inner, path);
}

/** Of the forms a value may have, the one whose outer kind fits: what is wrong within it is what its author wants to know. */
function intended(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter((issues) => issues.every(({ path, code }) => path.length > 0 || code === 'custom'));
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** A rule across settings blames the first of its candidates that somebody has set. */
function choosePath(draft: Draft, issue: Issue, path: Path): Path {
  const candidates: unknown = issue.code === 'custom' ? issue.params?.['candidates'] : undefined;
  if (!isPathList(candidates)) return path;
  const base = path.slice(0, path.length - (candidates[0]?.length ?? 0));
  const absolute = candidates.map((candidate) => [...base, ...candidate]);
  return absolute.find((candidate) => draft.placeOf(candidate) !== undefined) ?? path;
}

function isPathList(value: unknown): value is readonly Path[] {
  return Array.isArray(value) && value.every(Array.isArray);
}

function explainKey(path: Path, key: string): string {
  if (path.length === 0 && PLANNED_SECTIONS.includes(key)) return 'is not available in this version. Take it out.';
  const suggestion = suggestKey(outline, path, key);
  if (suggestion !== undefined) return `is not a setting. Did you mean ${suggestion}?`;
  const known = [...(outlineAt(outline, path)?.keys.keys() ?? [])];
  return `is not a setting. Take it out; the settings here are ${known.join(', ')}.`;
}

function explain(draft: Draft, issue: Issue, path: Path): string {
  if (issue.message !== '') return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return draft.get(path) === undefined ? explainMissing(path) : explainType(issue.expected, draft.get(path));
    case 'invalid_value':
      return explainChoice(issue.values.map(String), draft.get(path));
    case 'too_small':
      return explainBound(issue.origin, 'least', issue.minimum);
    case 'too_big':
      return explainBound(issue.origin, 'most', issue.maximum);
    default:
      return 'is not valid. Compare it with the example.';
  }
}

function explainMissing(path: Path): string {
  const key = String(path.at(-1));
  const twin = `${key}_file`;
  const either = outlineAt(outline, path.slice(0, -1))?.keys.has(twin) ? `${key} or ${twin}` : key;
  return `is missing. Set ${either}.`;
}

const KINDS: Partial<Record<string, string>> = {
  object: 'a mapping of settings (key: value)',
  array: 'a list (lines that start with "- ", or [a, b])',
  string: 'text (put it in quotes)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function explainType(expected: string, actual: unknown): string {
  return `is ${kindOf(actual)}. Make it ${KINDS[expected] ?? expected}.`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isMapping(value)) return 'a mapping';
  if (value === null) return 'empty';
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' ? 'a number' : 'true or false';
}

function explainChoice(words: readonly string[], actual: unknown): string {
  const suggestion = typeof actual === 'string' ? nearest(actual, words) : undefined;
  if (suggestion !== undefined) return `is not one of the choices. Did you mean ${suggestion}?`;
  return `is not one of the choices. Use ${words.join(', ')}.`;
}

function explainBound(origin: string, side: 'least' | 'most', bound: number | bigint): string {
  if (origin === 'array') return `has too ${side === 'least' ? 'few' : 'many'} entries. Give at ${side} ${bound}.`;
  return `is too ${side === 'least' ? 'small' : 'large'}. Use at ${side} ${bound}.`;
}
