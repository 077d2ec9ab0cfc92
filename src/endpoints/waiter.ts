import type { Reply } from '../completion/reply.ts';
import type { Ring } from './alarm.ts';
import type { RoutedCall } from './attempt.ts';
import type { Lease } from './lease.ts';
import type { Pacer } from './pacer.ts';
import type { Route } from './router.ts';
import type { Prioritized, Priority } from './waiting-room.ts';

/** Sends a call with the lease that it was given, which it ends on every path. Never throws. */
export type Send = (lease: Lease) => Promise<Reply>;

/** A call that waits for an endpoint. */
export class Waiter implements Prioritized {
  heapIndex = -1;
  start = 0;
  arrival = 0;
  group: string;
  readonly call: RoutedCall;
  readonly since: number;
  readonly priority: Priority;
  readonly tenant: string;
  readonly weight: number;
  readonly cost: number;
  readonly reply: Promise<Reply>;
  readonly serve: (lease: Lease) => void;
  readonly reject: (error: unknown) => void;
  /** Pacers that keep their capacity for this call until it is enough. */
  keptBy: readonly Pacer[];
  /** When its patience ends. */
  patience: Ring | undefined;
  readonly #onAbort: () => void;

  /** @param leave called when the call's signal aborts */
  constructor(
    call: RoutedCall,
    route: Route,
    now: number,
    keptBy: readonly Pacer[],
    send: Send,
    leave: (waiter: Waiter) => void,
  ) {
    const { priority, tenantWeight } = call.routing;
    this.call = call;
    this.since = now;
    this.group = groupOf(route);
    this.priority = priority;
    this.tenant = call.tenant;
    this.weight = tenantWeight;
    // A request costs as much as a thousand tokens: both are limited, and either may be what is short.
    this.cost = 1000 + route.cost.tokens;
    this.keptBy = keptBy;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.reply = promise;
    this.serve = (lease) => resolve(send(lease));
    this.reject = reject;
    this.#onAbort = () => leave(this);
    call.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Ends its wish for the call's signal. */
  deafen(): void {
    this.call.signal.removeEventListener('abort', this.#onAbort);
  }
}

/** Calls with the same group can be served by the same endpoints. */
export function groupOf({ lane, region, only }: Route): string {
  return `${lane.id} ${region} ${only?.name ?? ''}`;
}
