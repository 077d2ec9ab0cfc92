/** What the upstream limits: requests, tokens in, tokens out, or tokens in and out together. */
export type LimitKind = 'requests' | 'input_tokens' | 'output_tokens' | 'tokens';

/** One limit as an answer's headers tell it. */
export interface ToldLimit {
  readonly kind: LimitKind;
  /** Units a minute. */
  readonly limit: number;
  readonly remaining: number | undefined;
  /** Milliseconds from now until the bucket is full again. */
  readonly resetIn: number | undefined;
}

/** Limits are per minute, so that a bucket is full after one at most. What is later comes of clocks that differ. */
const MINUTE_MS = 60_000;

interface Names {
  readonly kind: LimitKind;
  readonly limit: string;
  readonly remaining: string;
  readonly reset: string;
}

const TOLD_APART = [
  namesOf('requests', 'anthropic-ratelimit-requests'),
  namesOf('input_tokens', 'anthropic-ratelimit-input-tokens'),
  namesOf('output_tokens', 'anthropic-ratelimit-output-tokens'),
];
const TOGETHER = namesOf('tokens', 'anthropic-ratelimit-tokens');

function namesOf(kind: LimitKind, name: string): Names {
  return { kind, limit: `${name}-limit`, remaining: `${name}-remaining`, reset: `${name}-reset` };
}

/**
 * Reads the `anthropic-ratelimit-*` headers (reference 4.4). The combined `tokens` limit restates the other two and
 * is read only where they are absent. Headers that do not parse tell nothing.
 *
 * @param headers names in lower case
 * @param wallNow milliseconds since the epoch
 */
export function readRateLimits(headers: Readonly<Record<string, string>>, wallNow: number): ToldLimit[] {
  const told: ToldLimit[] = [];
  for (const names of TOLD_APART) readOne(headers, names, wallNow, told);
  if (!told.some(({ kind }) => kind !== 'requests')) readOne(headers, TOGETHER, wallNow, told);
  return told;
}

function readOne(headers: Readonly<Record<string, string>>, names: Names, wallNow: number, told: ToldLimit[]): void {
  const limit = count(headers[names.limit]);
  if (limit === undefined || limit === 0) return;
  const reset = Date.parse(headers[names.reset] ?? '');
  told.push({
    kind: names.kind,
    limit,
    remaining: count(headers[names.remaining]),
    resetIn: Number.isNaN(reset) ? undefined : Math.min(reset - wallNow, MINUTE_MS),
  });
}

function count(value: string | undefined): number | undefined {
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}
