/** Longer waits than a timer can hold are nonsense from a broken proxy, as the official SDKs see it too (reference: 2^31 ms). */
const LONGEST_MS = 2 ** 31;

const SECONDS = /^\d+(?:\.\d+)?$/;

/**
 * How long the upstream asks to wait, in milliseconds: `retry-after-ms` first, then `retry-after` in seconds (fractions
 * allowed) or as an HTTP date (RFC 9110, 10.2.3). Undefined where neither names a wait that is positive, so that the
 * ordinary backoff applies.
 *
 * @param headers response headers, names in lower case
 * @param now milliseconds since the epoch, for the date form
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  return usable(number(headers['retry-after-ms'])) ?? usable(waitOf(headers['retry-after'], now));
}

function waitOf(value: string | undefined, now: number): number | undefined {
  const seconds = number(value);
  if (seconds !== undefined) return seconds * 1000;
  // Date.parse takes numbers such as "-5" for years; an HTTP date always begins with the name of a day.
  if (value === undefined || !/^\s*[A-Z][a-z]{2}/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at - now;
}

function number(value: string | undefined): number | undefined {
  const text = value?.trim();
  return text !== undefined && SECONDS.test(text) ? Number(text) : undefined;
}

function usable(milliseconds: number | undefined): number | undefined {
  return milliseconds !== undefined && milliseconds > 0 && milliseconds < LONGEST_MS ? milliseconds : undefined;
}
