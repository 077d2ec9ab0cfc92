import type { AccountOptions, Connection, RegionOptions } from './account.ts';
import type { Breaker } from './breaker.ts';
import type { Lane, Tier } from './lane.ts';
import type { LoadTable } from './load-table.ts';
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
  readonly tier: Tier;
  readonly index: number;
}

/** One account in one region: what a call is sent to. */
export class Endpoint {
  readonly account: Account;
  readonly region: RegionOptions;
  readonly connection: Connection;
  readonly breaker: Breaker;
  readonly loads: LoadTable;
  /** Its row there. */
  readonly row: number;
  /** When an answer of it was last delivered whole. */
  deliveredAt = Number.NEGATIVE_INFINITY;
  roundTripMs: number | undefined;
  /** Where it stands in the lanes in use; empty once it was removed from the pool. */
  places: Place[] = [];

  constructor(account: Account, region: RegionOptions, connection: Connection, breaker: Breaker, loads: LoadTable) {
    this.account = account;
    this.region = region;
    this.connection = connection;
    this.breaker = breaker;
    this.loads = loads;
    this.row = loads.take();
  }

  get organization(): Organization {
    return this.account.organization;
  }

  /** Calls sent and not settled. */
  get inFlight(): number {
    return this.loads.inFlight(this.row);
  }

  /** Share of traffic, as its account has it now. */
  get weight(): number {
    return this.loads.weight(this.row);
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

  /** Takes a probe's round-trip time. */
  seedLatency(milliseconds: number): void {
    this.roundTripMs = milliseconds;
    this.loads.seed(this.row, milliseconds);
  }

  /** A probe could not reach its region. */
  doubtLatency(): void {
    this.loads.doubt(this.row);
  }

  /** Tells every lane that holds it how it stands. */
  refresh(): void {
    const { breaker, account, organization } = this;
    const trialDue = breaker.state !== 'closed' || account.suspension.onTrial || organization.suspension.onTrial;
    this.loads.setTrialDue(this.row, trialDue);
    for (const { tier, index } of this.places) tier.setEndpoint(index, this.ready, this.alive);
  }
}
