export interface BackoffOptions {
  readonly minDelayMs: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * How long to wait before another attempt at the same endpoint: random within [min, min(base × 2^retries, max)] ("full
 * jitter": M. Brooker, "Exponential backoff and jitter", 2015), so that calls that failed together do not return together.
 *
 * @param retries how many went before
 * @param random uniform in [0, 1)
 */
export function backoffMs(
  { minDelayMs, baseDelayMs, maxDelayMs }: BackoffOptions,
  retries: number,
  random: number,
): number {
  const ceiling = Math.max(minDelayMs, Math.min(baseDelayMs * 2 ** retries, maxDelayMs));
  return minDelayMs + random * (ceiling - minDelayMs);
}
