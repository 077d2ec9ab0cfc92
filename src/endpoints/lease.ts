import type { RelayError } from '../completion/errors.ts';
import type { ResponseHead } from '../completion/head.ts';
import type { Settlement } from '../completion/reply.ts';
import type { Service } from '../completion/service.ts';
import type { Usage } from '../completion/usage.ts';
import type { RoutedCall } from './attempt.ts';
import type { Clock } from './clock.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointEvents } from './events.ts';
import { type Amounts, amounts } from './limit-set.ts';
import type { Overloads } from './overloads.ts';
import type { Pacer, Reservation } from './pacer.ts';
import { readRateLimits } from './rate-limit-headers.ts';
import type { Route } from './router.ts';
import type { Suspects } from './suspects.ts';

/** What a lease needs of the pool that gave it. */
export interface LeaseSurroundings {
  readonly clock: Clock;
  readonly events: EndpointEvents;
  readonly overloads: Overloads;
  readonly suspects: Suspects;
  /** Called when the lease ended and its permits are free. */
  readonly freed: (endpoint: Endpoint) => void;
}

/** What one call holds at an endpoint. */
interface Held {
  readonly pacer: Pacer;
  readonly reservation: Reservation;
}

/**
 * The right to send one call to one endpoint, with everything it holds there: a place in flight, permits and tokens,
 * perhaps a trial. It ends exactly once, by `failed` or by `settled`, whose verdicts decide what is set aside: a failure
 * speaks against as little as it can (reference: peers 3.7 to 3.11).
 */
export class Lease {
  readonly endpoint: Endpoint;
  /** Milliseconds that the call waited for it. */
  readonly queued: number;
  readonly #call: RoutedCall;
  readonly #route: Route;
  readonly #held: Held;
  readonly #surroundings: LeaseSurroundings;
  readonly #startedAt: number;
  readonly #trial: number = 0;
  readonly #accountTrial: boolean = false;
  readonly #organizationTrial: boolean = false;
  #openedAt: number | undefined;

  constructor(
    call: RoutedCall,
    route: Route,
    endpoint: Endpoint,
    held: Held,
    queued: number,
    surroundings: LeaseSurroundings,
  ) {
    this.#call = call;
    this.#route = route;
    this.endpoint = endpoint;
    this.#held = held;
    this.queued = queued;
    this.#surroundings = surroundings;
    this.#startedAt = surroundings.clock.now();
    const { loads, row } = endpoint;
    loads.addInFlight(row, 1);
    call.attempts?.tried.push(endpoint);
    if (!loads.trialDue(row)) return;
    this.#trial = endpoint.breaker.begin();
    this.#accountTrial = endpoint.account.suspension.begin();
    this.#organizationTrial = endpoint.organization.suspension.begin();
    endpoint.refresh();
  }

  get service(): Service {
    return this.endpoint.connection.service;
  }

  /** The answer has opened: whole, or with its first content. */
  opened(head: ResponseHead | undefined): void {
    const { clock, overloads } = this.#surroundings;
    const { endpoint } = this;
    const now = clock.now();
    this.#openedAt = now;
    if (head !== undefined) this.#learn(head);
    endpoint.breaker.succeeded(this.#trial);
    endpoint.account.suspension.succeeded();
    endpoint.organization.suspension.succeeded();
    this.#held.pacer.succeeded();
    if (overloads.touches(this.#call.model)) overloads.succeeded(endpoint.region.name, this.#call.model);
    if (this.#call.operation !== 'messages') return;
    endpoint.loads.observe(endpoint.row, this.#call.wantsStream, now - this.#startedAt, now);
  }

  /** No answer came of it. Ends the lease. */
  failed(error: RelayError): void {
    if (error.head !== undefined) this.#learn(error.head);
    this.#blame(error);
    // What the upstream refused it did not count; what broke after a good head it did, and what the caller gave up it may have.
    const wasRead = this.#call.signal.aborted || error.head?.status === 200;
    this.#end(amounts(wasRead ? this.#route.cost.input_tokens : 0, 0));
  }

  /** The opened answer has ended. Ends the lease. */
  settled({ outcome, error, usage }: Settlement): void {
    if (outcome === 'failed' && error !== undefined) this.#blame(error);
    if (outcome === 'delivered') this.#delivered(usage);
    this.#end(this.#route.estimate.used(this.#call, usage, this.#route.cost));
  }

  /** Nothing was sent: gives everything back but the request itself. */
  discard(): void {
    this.#undecided();
    this.#end(amounts(0, 0));
  }

  #delivered(usage: Usage): void {
    this.endpoint.deliveredAt = this.#surroundings.clock.now();
    this.#route.estimate.observe(this.#call, usage);
    const { suspects } = this.#surroundings;
    if (!suspects.empty) suspects.clear(this.#call.digest());
  }

  #end(used: Amounts): void {
    this.endpoint.loads.addInFlight(this.endpoint.row, -1);
    this.#held.pacer.release(this.#held.reservation, this.#route.cost, used);
    this.#surroundings.freed(this.endpoint);
  }

  #learn(head: ResponseHead): void {
    const { clock, events } = this.#surroundings;
    const told = readRateLimits(head.headers, clock.wallNow());
    this.#held.pacer.learn(told);
    for (const { kind, remaining } of told) {
      if (remaining !== undefined) events.limitRemaining(this.endpoint.account.name, kind, remaining);
    }
  }

  #blame(error: RelayError): void {
    const { overloads, events } = this.#surroundings;
    const { account, organization, region } = this.endpoint;
    if (this.#call.signal.aborted) {
      // Whatever broke then, it was the caller who went away.
    } else if (error.scope === 'endpoint') {
      this.#blameEndpoint(error);
    } else if (error.scope === 'credential' && isAboutOrganization(error)) {
      const milliseconds = organization.suspension.suspend(error);
      events.setAside({ kind: 'organization', organization: organization.name }, milliseconds);
    } else if (error.scope === 'credential') {
      const milliseconds = account.suspension.suspend(error);
      events.setAside({ kind: 'account', account: account.name }, milliseconds);
    } else if (error.scope === 'limit') {
      const { pacer } = this.#held;
      const milliseconds = pacer.coolDown(error.retryAfter);
      events.setAside({ kind: 'limit', organization: organization.name, modelClass: pacer.modelClass }, milliseconds);
    } else if (error.scope === 'model') {
      const { model } = this.#call;
      const milliseconds = overloads.mark(region.name, model, error.retryAfter);
      events.setAside({ kind: 'model', region: region.name, model }, milliseconds);
      // Said at the door it is no fault of the endpoint. Said within an answer it has broken one.
      if (error.upstream.status === 200) this.#blameEndpoint(error);
    }
    this.#undecided();
  }

  #blameEndpoint(error: RelayError): void {
    const { endpoint } = this;
    const failedOn = this.#call.attempts?.failed ?? [];
    const counts = this.#surroundings.suspects.countsAgainst(endpoint, this.#call.digest(), failedOn);
    if (!failedOn.includes(endpoint)) failedOn.push(endpoint);
    if (!counts) return;
    if (this.#openedAt !== undefined) endpoint.breaker.broke(this.#openedAt, error);
    else endpoint.breaker.failed(this.#trial, error);
  }

  /** Frees the trials that no verdict has ended, so that the next call may be one. */
  #undecided(): void {
    if (this.#openedAt !== undefined) return;
    const { endpoint } = this;
    if (this.#trial > 0) endpoint.breaker.undecided(this.#trial);
    if (this.#accountTrial) endpoint.account.suspension.undecided();
    if (this.#organizationTrial) endpoint.organization.suspension.undecided();
  }
}

/** A key that is refused is the account's matter (401, 403); payment and spend limits are the organization's. */
function isAboutOrganization({ upstream }: RelayError): boolean {
  return upstream.status !== undefined && upstream.status !== 401 && upstream.status !== 403;
}
