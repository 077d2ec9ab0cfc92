/** The small vocabulary that the command line's specifications (latency, limits, faults) are written in. */

/** A specification that cannot be read; the message quotes the part at fault and says what was expected. */
export class SpecError extends Error {
  override readonly name = 'SpecError';
}

const DURATION = /^(?:\d+(?:\.\d+)?(?:us|ms|[smhd]))+$/;
const DURATION_PART = /([\d.]+)([a-z]+)/g;
const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `200ms`, `1.5s`, `1m30s`, `500us`, or a bare `0`, in milliseconds. Throws SpecError. */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  if (!DURATION.test(text)) {
    throw new SpecError(`"${text}" is not a duration: write 200ms, 1.5s, 1m30s or 1h`);
  }
  let milliseconds = 0;
  for (const [, amount, unit = ''] of text.matchAll(DURATION_PART)) {
    milliseconds += Number(amount) * (MILLISECONDS[unit] ?? Number.NaN);
  }
  return milliseconds;
}

const COUNT = /^(\d+(?:\.\d+)?)([kM]?)$/;
const MULTIPLES: Readonly<Record<string, number>> = { '': 1, k: 1_000, M: 1_000_000 };

/** `50`, `40k`, `1.5M`: a whole number, 0 or more. Throws SpecError. */
export function parseCount(text: string): number {
  const [, amount, suffix = ''] = COUNT.exec(text) ?? [];
  const count = Number(amount) * (MULTIPLES[suffix] ?? Number.NaN);
  if (!Number.isSafeInteger(count)) throw new SpecError(`"${text}" is not a whole number: write 50, 40k or 2M`);
  return count;
}

/** `5%` or `0.05`, as a fraction of 1. Throws SpecError. */
export function parseFraction(text: string): number {
  const fraction = text.endsWith('%') ? Number(text.slice(0, -1) || 'none') / 100 : Number(text || 'none');
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new SpecError(`"${text}" is not a rate: write a percentage (5%) or a fraction from 0 to 1 (0.05)`);
  }
  return fraction;
}

/** A closed range. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** `A-B`, or `A` for the range of that one value; each end read by `parseEnd`. Throws SpecError. */
export function parseRange(text: string, parseEnd: (end: string) => number): Range {
  const [first = '', last = first, ...rest] = text.split('-');
  const range = { from: parseEnd(first), to: parseEnd(last) };
  if (rest.length > 0 || range.from > range.to) {
    throw new SpecError(`"${text}" is not a range: write FROM-TO, the smaller first`);
  }
  return range;
}

/** Splits `key=value,key=value`. Throws SpecError on a key that is unknown, repeated or without a value. */
export function parseSettings<Key extends string>(text: string, known: readonly Key[]): ReadonlyMap<Key, string> {
  const settings = new Map<Key, string>();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(equals, 0)).trim();
    const key = known.find((candidate) => candidate === name);
    if (key === undefined) throw new SpecError(`"${part.trim()}" is not a setting: write one of ${known.join('=, ')}=`);
    if (settings.has(key)) throw new SpecError(`"${key}" is set twice in "${text}"`);
    const value = part.slice(equals + 1).trim();
    if (value === '') throw new SpecError(`"${key}" has no value in "${text}"`);
    settings.set(key, value);
  }
  return settings;
}

/** `a|b|c`, the way a list is written inside a setting. */
export function parseAlternatives(text: string): readonly string[] {
  return text.split('|').map((alternative) => alternative.trim());
}

/** Splits rules at semicolons; empty ones (a trailing semicolon) do not count. */
export function splitRules(text: string): readonly string[] {
  return text
    .split(';')
    .map((rule) => rule.trim())
    .filter((rule) => rule !== '');
}
