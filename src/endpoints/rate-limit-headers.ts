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

const NAMES: readonly (readonly [LimitKind, string])[] = [
  ['requests', 'anthropic-ratelimit-requests'],
  ['input_tokens', 'anthropic-ratelimit-input-tokens'],
  ['output_tokens', 'anthropic-ratelimit-output-tokens'],
];

/**
 * Reads the `anthropic-ratelimit-*` headers (reference 4.4). The combined `tokens` limit restates the other two and
 * is read only where they are absent. Headers that do not parse tell nothing.
 *
 * @param headers names in lower case
 * @param wallNow milliseconds since the epoch
 */
export function readRateLimits(headers: Readonly<Record<string, string>>, wallNow: number): ToldLimit[] {
  const told = NAMES.flatMap(([kind, name]) => readOne(headers, kind, name, wallNow));
  const tokensTold = told.some((limit) => limit.kind !== 'requests');
  return tokensTold ? told : [...told, ...readOne(headers, 'tokens', 'anthropic-ratelimit-tokens', wallNow)];
}

function readOne(
  headers: Readonly<Record<string, string>>,
  kind: LimitKind,
  name: string,
  wallNow: number,
): ToldLimit[] {
  const limit = count(headers[`${name}-limit`]);
  if (limit === undefined || limit === 0) return [];
  const reset = Date.parse(headers[`${name}-reset`] ?? '');
  return [
    {
      kind,
      limit,
      remaining: count(headers[`${name}-remaining`]),
      resetIn: Number.isNaN(reset) ? undefined : reset - wallNow,
    },
  ];
}

function count(value: string | undefined): number | undefined {
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}
