/** Milliseconds in each unit, largest first. */
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
  ['us', 0.001],
] as const;

/**
 * The form of a duration in the settings: numbers with their units in a row, as Go and Prometheus write them, or a plain 0
 * (https://pkg.go.dev/time#ParseDuration). Days are Prometheus'.
 */
export const DURATION_PATTERN = /^(?:0|(?:\d{1,10}(?:\.\d{1,9})?(?:us|ms|[smhd])){1,6})$/;
const PART = /([\d.]+)([a-z]+)/g;

/** Longest delay a Node timer can hold: a longer one would fire at once (https://nodejs.org/api/timers.html). */
export const MAX_DURATION_MS = 2 ** 31 - 1;

/**
 * Reads `30s`, `1.5s`, `1m30s`, `500us` or `0` as whole milliseconds, of which a part counts as one: timers know no less,
 * and only 0 is 0. Undefined where the text is none of these.
 */
export function parseDuration(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  let microseconds = 0;
  for (const [, number, name] of text.matchAll(PART)) {
    const factor = UNITS.find(([unit]) => unit === name)?.[1] ?? Number.NaN;
    // Binary fractions make 70.00000000000001 ms of 0.07s.
    microseconds += Math.round(Number(number) * factor * 1000);
  }
  return Math.ceil(microseconds / 1000);
}

/** Writes whole milliseconds in the largest unit that keeps them whole: 90000 is `90s`, 60000 is `1m`. */
export function formatDuration(milliseconds: number): string {
  const [unit, factor] = UNITS.find(([, factor]) => milliseconds >= factor && milliseconds % factor === 0) ?? ['ms', 1];
  return `${milliseconds / factor}${unit}`;
}
