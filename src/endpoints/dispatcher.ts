import { asRelayError } from '../completion/errors.ts';
import type { Reply } from '../completion/reply.ts';
import type { Alarm } from './alarm.ts';
import type { RoutedCall } from './attempt.ts';
import type { EndpointEvents } from './events.ts';
import type { Lane, Slot, Tier } from './lane.ts';
import { Lease } from './lease.ts';
import type { Organization } from './organization.ts';
import type { Pacer } from './pacer.ts';
import { Placement, type PlacementOptions } from './placement.ts';
import { draining, nothingAlive, nowhereElse, outOfTime, tooBusy } from './refusals.ts';
import type { Route, Router } from './router.ts';
import { groupOf, type Send, Waiter } from './waiter.ts';
import { type Priority, WaitingRoom } from './waiting-room.ts';

export interface QueueOptions {
  /** Calls that may wait at once; 0 refuses at once. */
  readonly maxLength: number;
  readonly maxWaitMs: number;
}

export interface DispatcherOptions extends PlacementOptions {
  readonly alarm: Alarm;
  readonly events: EndpointEvents;
  readonly router: Router;
  readonly queue: QueueOptions;
}

const NOTHING: ReadonlySet<string> = new Set();

/** Gives each call an endpoint: at once where one is free, else when its turn comes, within its deadline. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #placement: Placement;
  readonly #room: WaitingRoom<Waiter>;
  #stirred = false;
  #serving = false;
  #closed = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#placement = new Placement(options);
    this.#room = new WaitingRoom(options.queue.maxLength);
  }

  get waiting(): Readonly<Record<Priority, number>> {
    return { interactive: this.#room.lengthOf('interactive'), background: this.#room.lengthOf('background') };
  }

  /**
   * Sends a call with a lease as soon as there is one: in the turn of the event loop in which it is given, so that nothing
   * is set aside in between. Rejects with what `send` does; with RATE_LIMITED when the call cannot be served in time or
   * the queue is full, UPSTREAM_UNAVAILABLE or UPSTREAM_CREDENTIALS when nothing that could serve it is alive,
   * INVALID_REQUEST or NOT_FOUND when nothing ever could, and with the signal's reason when it aborts.
   */
  serve(call: RoutedCall, send: Send): Promise<Reply> {
    try {
      if (this.#closed) throw draining();
      call.signal.throwIfAborted();
      const route = this.#options.router.route(call);
      if (call.elsewhereOnly === true) return send(this.#placeElsewhere(call, route));
      // Whoever comes while others wait must not overtake them.
      const placed = this.#room.length === 0 ? this.#placement.place(call, route, 0) : [];
      return placed instanceof Lease ? send(placed) : this.#wait(call, route, placed, send);
    } catch (thrown) {
      return Promise.reject(asRelayError(thrown));
    }
  }

  /** Whether an endpoint that the call has not been sent to could take it now. */
  elsewhere(call: RoutedCall): boolean {
    return this.#placement.isFreeElsewhere(call, this.#options.router.route(call));
  }

  /** Serves those who wait, as far as capacity goes. To be called whenever there may be more of it. */
  stir(): void {
    this.#stirred = true;
    if (this.#serving || this.#room.length === 0) return;
    this.#serving = true;
    while (this.#stirred) {
      this.#stirred = false;
      this.#serveWaiting();
    }
    this.#serving = false;
  }

  /** The endpoints are others now: those who wait are routed anew. */
  reroute(): void {
    for (const waiter of this.#room.all) {
      try {
        this.#options.router.route(waiter.call);
      } catch (error) {
        this.#leave(waiter);
        waiter.reject(error);
      }
    }
    this.#room.regroup((waiter) => groupOf(this.#options.router.route(waiter.call)));
    this.stir();
  }

  /** Refuses all who wait and all who come. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#room.all) {
      this.#leave(waiter);
      waiter.reject(draining());
    }
  }

  #placeElsewhere(call: RoutedCall, route: Route): Lease {
    const placed = this.#placement.place(call, route, 0);
    if (placed instanceof Lease) return placed;
    for (const pacer of placed) pacer.forgetMisfit();
    throw nowhereElse();
  }

  #wait(call: RoutedCall, route: Route, keptBy: readonly Pacer[], send: Send): Promise<Reply> {
    const { clock, alarm, queue } = this.#options;
    const now = clock.now();
    const patience = Math.min(call.deadline, now + queue.maxWaitMs);
    const refusal = this.#refusal(route, call, patience);
    if (refusal !== undefined) {
      for (const pacer of keptBy) pacer.forgetMisfit();
      throw refusal;
    }
    const waiter = new Waiter(call, route, now, keptBy, send, (gone) => {
      this.#leave(gone);
      gone.reject(gone.call.signal.reason);
      this.stir();
    });
    if (patience < Number.POSITIVE_INFINITY) waiter.patience = alarm.at(patience, () => this.#outwaited(waiter));
    const evicted = this.#room.enter(waiter);
    if (evicted !== undefined) {
      this.#leave(evicted);
      evicted.reject(tooBusy(this.#earliest(route, call.model) - now));
    }
    this.#tellLength(waiter.priority);
    this.stir();
    return waiter.reply;
  }

  /** Why waiting is no use, if it is not. */
  #refusal(route: Route, call: RoutedCall, patience: number) {
    if (!isAlive(route)) return nothingAlive(route);
    if (this.#options.clock.now() >= call.deadline) return outOfTime();
    const earliest = this.#earliest(route, call.model);
    return earliest >= patience && Number.isFinite(earliest)
      ? tooBusy(earliest - this.#options.clock.now())
      : undefined;
  }

  /** Before this time nothing can serve the call; Infinity where only the end of another call can tell. */
  #earliest({ lane, region, only }: Route, model: string): number {
    const { overloads } = this.#options;
    const opening = only === undefined ? lane.nextOpening : openingOf(lane, only);
    if (!overloads.touches(model)) return opening;
    const possible = lane.tiers
      .flatMap((tier) => [...tier.regions.values()])
      .filter((group) => group.alive > 0 && (region === '' || group.name === region));
    return Math.max(opening, Math.min(...possible.map((group) => overloads.heldUntil(group.name, model))));
  }

  #serveWaiting(): void {
    const blocked = new Set<string>();
    for (let next = this.#room.next(NOTHING); next !== undefined; next = this.#room.next(blocked)) {
      if (!this.#serve(next)) blocked.add(next.group);
    }
  }

  /** Whether the waiter is gone, served or refused. */
  #serve(waiter: Waiter): boolean {
    const { router, clock } = this.#options;
    const route = router.route(waiter.call);
    const waited = clock.now() - waiter.since;
    const placed = this.#placement.place(waiter.call, route, waited);
    if (placed instanceof Lease) {
      this.#room.serve(waiter);
      this.#left(waiter, waited);
      waiter.serve(placed);
      return true;
    }
    waiter.keptBy = [...new Set([...waiter.keptBy, ...placed])];
    if (isAlive(route)) return false;
    this.#leave(waiter);
    waiter.reject(nothingAlive(route));
    return true;
  }

  #outwaited(waiter: Waiter): void {
    const { clock, router } = this.#options;
    const now = clock.now();
    waiter.patience = undefined;
    this.#leave(waiter);
    const earliest = this.#earliest(router.route(waiter.call), waiter.call.model);
    waiter.reject(now >= waiter.call.deadline ? outOfTime() : tooBusy(earliest - now));
    this.stir();
  }

  /** Not served: what it waited for nothing is told with the call all the same. */
  #leave(waiter: Waiter): void {
    const waited = this.#options.clock.now() - waiter.since;
    this.#room.leave(waiter);
    this.#left(waiter, waited);
    waiter.call.trace.queued += waited;
  }

  #left(waiter: Waiter, waited: number): void {
    this.#options.events.queueWaited(waiter.priority, waited);
    waiter.deafen();
    if (waiter.patience !== undefined) this.#options.alarm.cancel(waiter.patience);
    for (const pacer of waiter.keptBy) pacer.forgetMisfit();
    this.#tellLength(waiter.priority);
  }

  #tellLength(priority: Priority): void {
    this.#options.events.queueLength(priority, this.#room.lengthOf(priority));
  }
}

/** When the organization's own pacer opens; 0 when it is open. */
function openingOf(lane: Lane, organization: Organization): number {
  const [slot] = lane.tiers.flatMap((tier) => slotsOf(tier, organization));
  return slot?.pacer.closedUntil ?? 0;
}

function slotsOf(tier: Tier, organization: Organization): Slot[] {
  const indexes = tier.byOrganization.get(organization) ?? [];
  return [...indexes].flatMap((index) => tier.slots[index] ?? []);
}

function isAlive({ lane, region, only }: Route): boolean {
  return lane.tiers.some((tier) => {
    if (only === undefined) return region === '' ? tier.alive > 0 : (tier.regions.get(region)?.alive ?? 0) > 0;
    return slotsOf(tier, only).some((slot) => slot.alive > 0 && (region === '' || slot.region.name === region));
  });
}
