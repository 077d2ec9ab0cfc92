import type { RoutedCall } from './attempt.ts';
import type { Clock } from './clock.ts';
import { Lease, type LeaseSurroundings } from './lease.ts';
import type { Overloads } from './overloads.ts';
import type { Pacer } from './pacer.ts';
import type { Route } from './router.ts';
import type { Choice, Selection, Wish } from './selection.ts';

export interface PlacementOptions {
  readonly clock: Clock;
  readonly selection: Selection;
  readonly overloads: Overloads;
  readonly lease: LeaseSurroundings;
}

/** Until when a region is out of the question for a call; 0 where it is not. */
type Until = (region: string) => number;

/** Finds a call a place on its route that is free now: an endpoint, and room within its organization's limits. */
export class Placement {
  readonly #options: PlacementOptions;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** Whether an endpoint that the call has not been sent to could take it. */
  isFreeElsewhere(call: RoutedCall, route: Route): boolean {
    const { selection, overloads } = this.#options;
    const wish = this.#wish(call, route, true, (region) => overloads.until(region, call.model));
    return selection.choose(route.lane, wish) !== undefined;
  }

  /**
   * A lease, or the pacers that had no room for the call and now keep what they have for it.
   *
   * @param queued milliseconds for which the call has waited
   */
  place(call: RoutedCall, route: Route, queued: number): Lease | Pacer[] {
    const { overloads } = this.#options;
    const misfits: Pacer[] = [];
    const placed =
      this.#tryBoth(call, route, queued, (region) => overloads.until(region, call.model), misfits) ??
      (overloads.touches(call.model) && call.elsewhereOnly !== true
        ? this.#tryBoth(call, route, queued, (region) => overloads.heldUntil(region, call.model), misfits)
        : undefined);
    if (placed === undefined) return misfits;
    for (const pacer of misfits) pacer.forgetMisfit();
    return placed;
  }

  /** First where the call has not been, then where it has. */
  #tryBoth(call: RoutedCall, route: Route, queued: number, until: Until, misfits: Pacer[]): Lease | undefined {
    return (
      this.#tryPlaces(call, route, queued, this.#wish(call, route, true, until), misfits) ??
      (call.elsewhereOnly === true || this.#untried(call)
        ? undefined
        : this.#tryPlaces(call, route, queued, this.#wish(call, route, false, until), misfits))
    );
  }

  #untried(call: RoutedCall): boolean {
    return call.attempts === undefined || call.attempts.tried.length === 0;
  }

  #tryPlaces(call: RoutedCall, route: Route, queued: number, wish: Wish, misfits: Pacer[]): Lease | undefined {
    const { selection, clock, lease } = this.#options;
    for (;;) {
      const choice: Choice | undefined = selection.choose(route.lane, wish);
      if (choice === undefined) return undefined;
      const { pacer } = choice.slot;
      const reservation = pacer.reserve(route.cost, clock.now());
      if (reservation !== undefined)
        return new Lease(call, route, choice.endpoint, { pacer, reservation }, queued, lease);
      misfits.push(pacer);
    }
  }

  #wish(call: RoutedCall, route: Route, elsewhere: boolean, until: Until): Wish {
    const { overloads } = this.#options;
    return {
      region: route.region,
      only: route.only,
      key: route.key,
      avoid: elsewhere ? (call.attempts?.tried ?? []) : [],
      overloaded: overloads.touches(call.model) ? (region) => until(region) > 0 : undefined,
      stream: call.wantsStream,
    };
  }
}
