import type { Call } from '../completion/call.ts';
import type { Endpoint } from './endpoint.ts';
import type { Route } from './router.ts';

/** What the attempts of one call know of each other; written by the pool, carried by retry and hedge. */
export interface Attempts {
  /** Endpoints that were sent the call. */
  readonly tried: Endpoint[];
  /** Of those, the ones where it failed in a way that speaks against the endpoint. */
  readonly failed: Endpoint[];
  /** Where the call may go; worked out once. */
  route: Route | undefined;
}

export function newAttempts(): Attempts {
  return { tried: [], failed: [], route: undefined };
}

/** A call on its way to an endpoint, with what the layers above the pool add to it. */
export interface RoutedCall extends Call {
  readonly attempts?: Attempts;
  /** Only an endpoint that was not tried yet will do, and only at once: waiting makes no sense for a hedge. */
  readonly elsewhereOnly?: boolean;
}
