import { RelayError } from '../completion/errors.ts';
import type { Endpoint } from './endpoint.ts';
import type { Route } from './router.ts';
import type { Suspension, SuspensionCause } from './suspension.ts';

/** Suggested where nothing tells when capacity comes back. */
const SOME_TIME_MS = 1_000;

/*
 * What a call is told that is sent nowhere. None is retryable here: asking the pool again would only meet the same state,
 * and the pool itself waits where waiting helps.
 */

/** Capacity exists, but not soon enough. */
export function tooBusy(milliseconds: number): RelayError {
  const retryAfter = milliseconds > 0 && Number.isFinite(milliseconds) ? milliseconds : SOME_TIME_MS;
  return new RelayError(
    'RATE_LIMITED',
    'Every account that could serve the call is at its limit. Retry after the delay.',
    {
      retryAfter,
      retryable: false,
      scope: 'none',
    },
  );
}

export function outOfTime(): RelayError {
  return new RelayError(
    'DEADLINE_EXCEEDED',
    'The deadline passed while the call waited for capacity. Allow more time.',
  );
}

/** Nothing that could serve the call is alive: says why, and when the first may be tried again. */
export function nothingAlive(route: Route): RelayError {
  const endpoints = endpointsOf(route);
  const reachable = endpoints.filter((endpoint) => suspensionOf(endpoint) === undefined);
  if (reachable.length === 0) {
    const [next] = endpoints.flatMap((each) => suspensionOf(each) ?? []).sort((a, b) => a.remaining - b.remaining);
    if (next?.cause !== undefined) return outOfService(next.cause, next.remaining);
  }
  const waits = reachable.map(({ breaker }) => breaker.openFor);
  return new RelayError(
    'UPSTREAM_UNAVAILABLE',
    endpoints.length === 0
      ? 'No account of the relay can serve the call. The operator must configure one.'
      : 'Every endpoint that could serve the call has failed too often lately. Retry after the delay.',
    { retryAfter: Math.max(1, Math.min(SOME_TIME_MS * 60, ...waits)), retryable: false, scope: 'none' },
  );
}

export function nowhereElse(): RelayError {
  return new RelayError('UPSTREAM_UNAVAILABLE', 'No second endpoint is free. Retry.', {
    retryable: false,
    scope: 'none',
  });
}

export function draining(): RelayError {
  return new RelayError('DRAINING', 'The relay is shutting down. Retry: another instance will serve the call.');
}

/** Told like the refusal that took out what comes back first, so that reason and delay belong together. */
function outOfService({ reason, message }: SuspensionCause, remaining: number): RelayError {
  return new RelayError(reason, message, { retryAfter: remaining, retryable: false, scope: 'none' });
}

/** What keeps an endpoint out of service; where both its key and its organization do, what lasts longer. */
function suspensionOf({ account, organization }: Endpoint): Suspension | undefined {
  return [account.suspension, organization.suspension]
    .filter(({ suspended }) => suspended)
    .sort((a, b) => b.remaining - a.remaining)[0];
}

/** Reads all that a call could be sent to: for the rare answer that it cannot be sent anywhere. */
function endpointsOf({ lane, region, only }: Route): Endpoint[] {
  return lane.tiers
    .flatMap((tier) => tier.endpoints)
    .filter((endpoint) => region === '' || endpoint.region.name === region)
    .filter((endpoint) => only === undefined || endpoint.organization === only);
}
