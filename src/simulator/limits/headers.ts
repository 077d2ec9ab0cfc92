/** The `anthropic-ratelimit-*` headers: reference 4.4. */
import type { Buckets, TokenBucket } from './bucket.ts';

const TOKEN_STEP = 1000;

/** RFC 3339 in whole seconds, rounded up: at the time it names, the bucket is full. */
function resetTime(milliseconds: number): string {
  return `${new Date(Math.ceil(milliseconds / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

interface Reading {
  readonly limit: number;
  readonly remaining: number;
  readonly fullAt: number;
}

function read(bucket: TokenBucket, now: number): Reading {
  return { limit: bucket.perMinute, remaining: Math.floor(bucket.remaining(now)), fullAt: bucket.fullAt(now) };
}

/** Remaining tokens are told in thousands. */
function readTokens(bucket: TokenBucket, now: number): Reading {
  const exact = read(bucket, now);
  return { ...exact, remaining: Math.round(exact.remaining / TOKEN_STEP) * TOKEN_STEP };
}

function write(headers: Record<string, string>, name: string, reading: Reading | undefined): void {
  if (reading === undefined) return;
  headers[`anthropic-ratelimit-${name}-limit`] = String(reading.limit);
  headers[`anthropic-ratelimit-${name}-remaining`] = String(reading.remaining);
  headers[`anthropic-ratelimit-${name}-reset`] = resetTime(reading.fullAt);
}

/** Without workspace limits, the most restrictive limit in force is input plus output. */
function combine(input: Reading | undefined, output: Reading | undefined): Reading | undefined {
  if (input === undefined || output === undefined) return input ?? output;
  return {
    limit: input.limit + output.limit,
    remaining: input.remaining + output.remaining,
    fullAt: Math.max(input.fullAt, output.fullAt),
  };
}

/** The headers as the buckets stand; none for what is not limited. */
export function rateLimitHeaders(buckets: Buckets, now: number): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const input = buckets.inputTokens && readTokens(buckets.inputTokens, now);
  const output = buckets.outputTokens && readTokens(buckets.outputTokens, now);
  write(headers, 'requests', buckets.requests && read(buckets.requests, now));
  write(headers, 'input-tokens', input);
  write(headers, 'output-tokens', output);
  write(headers, 'tokens', combine(input, output));
  return headers;
}
