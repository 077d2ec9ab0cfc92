import type { Reply } from '../completion/reply.ts';
import type { AccountOptions, Connection, RegionOptions } from './account.ts';
import { Alarm } from './alarm.ts';
import type { RoutedCall } from './attempt.ts';
import { Breaker, type BreakerOptions, type BreakerState } from './breaker.ts';
import type { Clock } from './clock.ts';
import { Dispatcher, type QueueOptions } from './dispatcher.ts';
import type { EndpointEvents } from './events.ts';
import type { LimitState } from './limit-set.ts';
import { LoadTable } from './load-table.ts';
import { Overloads } from './overloads.ts';
import { Readiness } from './readiness.ts';
import { Roster } from './roster.ts';
import { Router } from './router.ts';
import { SealMakers } from './seal-makers.ts';
import { Selection, type Strategy } from './selection.ts';
import { Suspects } from './suspects.ts';
import { Suspension } from './suspension.ts';
import type { Send } from './waiter.ts';
import type { Priority } from './waiting-room.ts';

export interface PoolOptions<A extends AccountOptions> {
  readonly accounts: readonly A[];
  /** Makes the way to one endpoint. Called once for each account and region, until what it is made from changes. */
  readonly connect: (account: A, region: RegionOptions) => Connection;
  readonly routing: { readonly strategy: Strategy; readonly affinity: 'prompt_prefix' | 'off' };
  readonly breaker: BreakerOptions;
  readonly queue: QueueOptions;
  /** Burst of every limit, as the time in which an even flow would bring as much. */
  readonly burstMs: number;
  readonly clock: Clock;
  readonly events: EndpointEvents;
}

export interface EndpointSnapshot {
  readonly account: string;
  readonly organization: string;
  readonly region: string;
  readonly breaker: BreakerState;
  /** Milliseconds until the open breaker lets a trial through; 0 unless open. */
  readonly openFor: number;
  /** Milliseconds until the refused key is tried again; 0 while in service. */
  readonly accountSuspendedFor: number;
  readonly organizationSuspendedFor: number;
  /** Whether the key was refused, and not accepted since: also while its next trial is due or under way. */
  readonly keyRefused: boolean;
  readonly organizationRefused: boolean;
  readonly inFlight: number;
  /** Estimated times to first byte, in milliseconds; undefined before the first answer of the kind. */
  readonly streamLatencyMs: number | undefined;
  readonly wholeLatencyMs: number | undefined;
  /** Of a probe; undefined before the first one that was answered. */
  readonly roundTripMs: number | undefined;
}

export interface ModelClassSnapshot {
  readonly organization: string;
  readonly modelClass: string;
  /** Milliseconds until the cool-down after a 429 ends; 0 without one. */
  readonly coolingFor: number;
  readonly inFlight: number;
  readonly limits: readonly LimitState[];
}

/** The state of pooled capacity, for people. */
export interface PoolSnapshot {
  readonly endpoints: readonly EndpointSnapshot[];
  readonly modelClasses: readonly ModelClassSnapshot[];
  readonly overloaded: readonly { readonly region: string; readonly model: string; readonly milliseconds: number }[];
  readonly waiting: Readonly<Record<Priority, number>>;
}

/** First and longest time out of service of a key that was refused, and of an organization that cannot pay. */
const ACCOUNT_OUT = { firstMs: 30_000, longestMs: 30 * 60_000 };
const ORGANIZATION_OUT = { firstMs: 60_000, longestMs: 60 * 60_000 };

/** All upstream capacity: gives each call the right to be sent to one endpoint, or tells it why not. */
export class Pool<A extends AccountOptions> {
  readonly #options: PoolOptions<A>;
  readonly #alarm: Alarm;
  readonly #loads = new LoadTable();
  readonly #overloads: Overloads;
  readonly #makers = new SealMakers();
  readonly #router: Router;
  readonly #readiness = new Readiness();
  readonly #roster: Roster<A>;
  readonly #dispatcher: Dispatcher;

  constructor(options: PoolOptions<A>) {
    const { clock, events, routing, queue } = options;
    this.#options = options;
    this.#alarm = new Alarm(clock);
    this.#overloads = new Overloads(clock, this.#alarm, () => this.#dispatcher.stir());
    this.#router = new Router({
      affinity: routing.affinity,
      byWeight: routing.strategy === 'weighted',
      makers: this.#makers,
    });
    this.#dispatcher = new Dispatcher({
      clock,
      alarm: this.#alarm,
      events,
      router: this.#router,
      selection: new Selection(routing.strategy, this.#loads, clock),
      overloads: this.#overloads,
      queue,
      lease: {
        clock,
        events,
        overloads: this.#overloads,
        suspects: new Suspects(clock),
        freed: (endpoint) => {
          this.#roster.freed(endpoint);
          this.#dispatcher.stir();
        },
      },
    });
    this.#roster = this.#newRoster();
    // Nothing has left, so that there is nothing to wait for.
    void this.#replace(options.accounts);
  }

  /** Sends a call to the endpoint that it gets; see `Dispatcher.serve` for what it rejects with. */
  serve(call: RoutedCall, send: Send): Promise<Reply> {
    return this.#dispatcher.serve(call, send);
  }

  /** Whether an endpoint that the call has not been sent to could take it now. */
  elsewhere(call: RoutedCall): boolean {
    return this.#dispatcher.elsewhere(call);
  }

  /**
   * Replaces the accounts. New calls see the new ones at once, waiting calls move over, calls under way finish where they
   * are. Resolves when what left the pool is closed; rejects with what `connect` or `close` threw.
   */
  async update(accounts: readonly A[]): Promise<void> {
    await this.#replace(accounts);
  }

  /** Refuses all that wait and all that come; resolves when calls under way have ended and every connection is closed. */
  async close(): Promise<void> {
    this.#dispatcher.close();
    await this.update([]);
    this.#alarm.close();
  }

  /** Whether any endpoint may serve, now or after a wait that the queue bridges. */
  get canServe(): boolean {
    return this.#readiness.canServe;
  }

  regionCanServe(region: string): boolean {
    return this.#readiness.regionCanServe(region);
  }

  /** Calls whenever one of the two answers above may have changed; the returned function ends it. */
  onChange(listener: () => void): () => void {
    return this.#readiness.onChange(listener);
  }

  /** Takes a probe's word for the distance of a base URL. */
  seedLatency(baseUrl: string, milliseconds: number): void {
    for (const endpoint of this.#roster.endpoints) {
      if (endpoint.region.baseUrl === baseUrl) endpoint.seedLatency(milliseconds);
    }
  }

  /** A probe could not reach a base URL: what is known to answer comes before its endpoints. Takes none out of service. */
  doubtLatency(baseUrl: string): void {
    for (const endpoint of this.#roster.endpoints) if (endpoint.region.baseUrl === baseUrl) endpoint.doubtLatency();
  }

  /** Names of its accounts. */
  get accounts(): string[] {
    return [...new Set(this.#roster.endpoints.map(({ account }) => account.name))];
  }

  /** Where its endpoints are: each region and base URL once. */
  get regions(): RegionOptions[] {
    const regions = this.#roster.endpoints.map(({ region }) => region);
    return [...new Map(regions.map((region) => [`${region.name} ${region.baseUrl}`, region])).values()];
  }

  snapshot(): PoolSnapshot {
    const now = this.#options.clock.now();
    return {
      endpoints: this.#roster.endpoints.map((endpoint) => ({
        account: endpoint.account.name,
        organization: endpoint.organization.name,
        region: endpoint.region.name,
        breaker: endpoint.breaker.state,
        openFor: endpoint.breaker.openFor,
        accountSuspendedFor: endpoint.account.suspension.remaining,
        organizationSuspendedFor: endpoint.organization.suspension.remaining,
        keyRefused: endpoint.account.suspension.onTrial,
        organizationRefused: endpoint.organization.suspension.onTrial,
        inFlight: endpoint.inFlight,
        streamLatencyMs: this.#loads.measured(endpoint.row, true, now),
        wholeLatencyMs: this.#loads.measured(endpoint.row, false, now),
        roundTripMs: endpoint.roundTripMs,
      })),
      modelClasses: [...this.#roster.organizations.values()].flatMap((organization) =>
        [...organization.pacers.values()].map((pacer) => ({
          organization: organization.name,
          modelClass: pacer.modelClass,
          coolingFor: pacer.coolingFor,
          inFlight: pacer.inFlight,
          limits: pacer.limits(),
        })),
      ),
      overloaded: this.#overloads.active(),
      waiting: this.#dispatcher.waiting,
    };
  }

  #replace(accounts: readonly A[]): Promise<unknown> {
    const closed = this.#roster.update(accounts);
    this.#router.replace(this.#roster.endpoints, this.#roster.organizations);
    for (const endpoint of this.#roster.endpoints) this.#readiness.note(endpoint);
    this.#dispatcher.reroute();
    return closed;
  }

  #newRoster(): Roster<A> {
    const { clock, events, breaker, connect, burstMs } = this.#options;
    const alarm = this.#alarm;
    return new Roster<A>(this.#loads, {
      connect: (account, region) => this.#makers.watch(connect(account, region), account.organization),
      breaker: (account, region, changed) =>
        new Breaker(breaker, clock, (state) => {
          // Told before calls that wait are sent because of it.
          events.breakerChanged(account, region, state);
          changed();
        }),
      accountSuspension: (changed) => new Suspension({ clock, alarm, ...ACCOUNT_OUT, changed }),
      organizationSuspension: (changed) => new Suspension({ clock, alarm, ...ORGANIZATION_OUT, changed }),
      pacing: {
        clock,
        alarm,
        burstMs,
        changed: (pacer) => {
          this.#router.pacerChanged(pacer);
          if (pacer.open) this.#dispatcher.stir();
        },
      },
      endpointChanged: (endpoint) => {
        this.#readiness.note(endpoint);
        this.#dispatcher.stir();
      },
      endpointLeft: (endpoint) => this.#readiness.drop(endpoint),
    });
  }
}
