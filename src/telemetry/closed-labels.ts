/**
 * Values of labels that are known before anything happens. Their series are shown from the start, at 0: `rate` and
 * `increase` cannot see the first event of a series that begins with it.
 * https://prometheus.io/docs/practices/instrumentation/#avoid-missing-metrics
 */
import { REASONS, type Reason } from '../completion/errors.ts';
import type { CacheStatus } from '../completion/trace.ts';

export const PRIORITIES = ['interactive', 'background'] as const;

/** gRPC statuses of calls: success, and what the relay's errors can give. */
export const CALL_STATUSES: ReadonlySet<string> = new Set([
  'OK',
  ...Object.values(REASONS).map(({ status }) => status),
]);

/** Why there are further attempts: failures that are retried, and first endpoints that were slow. */
export const RETRY_REASONS: readonly string[] = [
  ...Object.keys(REASONS).filter((reason) => REASONS[reason as Reason].retryable),
  'HEDGED',
];

export const CACHE_RESULTS = ['hit', 'similar', 'coalesced', 'miss', 'bypass'] as const satisfies readonly Lowercase<
  Exclude<CacheStatus, 'UNSPECIFIED'>
>[];

/**
 * Answers of an endpoint that are worth an alert: success, and what speaks of a key, a limit or the endpoint. Others are
 * about single requests, and are shown once they came.
 */
export const UPSTREAM_STATUSES = [
  '200',
  '401',
  '402',
  '403',
  '429',
  '500',
  '502',
  '503',
  '504',
  '529',
  'error',
] as const;
