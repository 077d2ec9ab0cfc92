import type { AccountOptions, Connection, RegionOptions } from './account.ts';
import type { Breaker } from './breaker.ts';
import type { Lane, Slot } from './lane.ts';
import { PeakEwma } from './latency.ts';
import type { Organization } from './organization.ts';
import type { Suspension } from './suspension.ts';

/** One key of an organization. */
export interface Account {
  readonly name: string;
  readonly organization: Organization;
  /** Out of service when its key is refused. */
  readonly suspension: Suspension;
  readonly endpoints: Map<string, Endpoint>;
  /** Replaced by an update that leaves its connections as they are. */
  options: AccountOptions;
}

/** Where an endpoint stands in a lane. */
export interface Place {
  readonly lane: Lane;
  readonly slot: Slot;
  readonly index: number;
}

/** Assumed time to first byte while nothing is known: short, so that a new endpoint is tried soon. */
const UNKNOWN_LATENCY_MS = 1;

/** One account in one region: what a call is sent to. */
export class Endpoint {
  readonly account: Account;
  readonly region: RegionOptions;
  readonly connection: Connection;
  readonly breaker: Breaker;
  /** Of streams and of whole answers, which take longer by nature and must not be mixed with them. */
  readonly latency = { stream: new PeakEwma(UNKNOWN_LATENCY_MS), whole: new PeakEwma(UNKNOWN_LATENCY_MS) };
  /** Calls sent and not settled. */
  inFlight = 0;
  /** When an answer of it was last delivered whole. */
  deliveredAt = Number.NEGATIVE_INFINITY;
  roundTripMs: number | undefined;
  /** Where it stands in the lanes in use; empty once it was removed from the pool. */
  places: Place[] = [];

  constructor(account: Account, region: RegionOptions, connection: Connection, breaker: Breaker) {
    this.account = account;
    this.region = region;
    this.connection = connection;
    this.breaker = breaker;
  }

  get organization(): Organization {
    return this.account.organization;
  }

  /** Whether a call may be sent now, as far as the endpoint itself goes. */
  get ready(): boolean {
    return this.breaker.admits && this.account.suspension.admits && this.organization.suspension.admits;
  }

  /** Whether it may soon serve: neither its breaker is open nor its key or organization out of service. */
  get alive(): boolean {
    return (
      this.breaker.state !== 'open' && !this.account.suspension.suspended && !this.organization.suspension.suspended
    );
  }

  /**
   * What sending one more call here costs, in the unit of peak-EWMA balancing (Finagle): latency times queue length.
   * A trial is due is cheapest of all: it costs one call and wins back an endpoint.
   */
  cost(stream: boolean, now: number): number {
    if (this.breaker.state === 'half-open') return 0;
    const latency = stream ? this.latency.stream : this.latency.whole;
    return (latency.estimate(now) * (this.inFlight + 1)) / this.account.options.weight;
  }

  /** A probe's round-trip time: the floor of the latency estimates. */
  seedLatency(milliseconds: number): void {
    this.roundTripMs = milliseconds;
    this.latency.stream.seed(milliseconds);
    this.latency.whole.seed(milliseconds);
  }

  /** Tells every lane that holds it how it stands. */
  refresh(): void {
    for (const { slot, index } of this.places) slot.setEndpoint(index, this.ready, this.alive);
  }
}
