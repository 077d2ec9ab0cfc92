/** Milliseconds in each unit, largest first. */
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

/** The form of a duration in the settings: one number and one unit, and never a part of a millisecond. */
export const DURATION_PATTERN = /^(\d{1,10}ms|\d{1,10}(\.\d{1,3})?[smhd])$/;

/** Longest delay a Node timer can hold: a longer one would fire at once (https://nodejs.org/api/timers.html). */
export const MAX_DURATION_MS = 2 ** 31 - 1;

/** Reads `30s`, `10m`, `100ms`, `1h` or `1.5s` as milliseconds; undefined where the text is none of these. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  for (const [unit, factor] of UNITS) {
    const number = text.endsWith(unit) ? Number(text.slice(0, -unit.length)) : Number.NaN;
    // "100ms" ends in "s" too, but "100m" is no number.
    if (!Number.isNaN(number)) return Math.round(number * factor);
  }
  return undefined;
}

/** Writes whole milliseconds in the largest unit that keeps them whole: 90000 is `90s`, 60000 is `1m`. */
export function formatDuration(milliseconds: number): string {
  const [unit, factor] = UNITS.find(([, factor]) => milliseconds >= factor && milliseconds % factor === 0) ?? ['ms', 1];
  return `${milliseconds / factor}${unit}`;
}
