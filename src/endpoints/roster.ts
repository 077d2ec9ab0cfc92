import { isDeepStrictEqual } from 'node:util';
import type { AccountOptions, Connection, RegionOptions } from './account.ts';
import type { Breaker } from './breaker.ts';
import { type Account, Endpoint } from './endpoint.ts';
import type { LoadTable } from './load-table.ts';
import { Organization } from './organization.ts';
import type { PacerSurroundings } from './pacer.ts';
import type { Suspension } from './suspension.ts';

/** How the parts of a pool are made. */
export interface RosterParts<A extends AccountOptions> {
  readonly connect: (account: A, region: RegionOptions) => Connection;
  readonly breaker: (account: string, region: string, changed: () => void) => Breaker;
  /** @param changed called when calls may be sent again, or no more */
  readonly accountSuspension: (changed: () => void) => Suspension;
  readonly organizationSuspension: (changed: () => void) => Suspension;
  readonly pacing: PacerSurroundings;
  /** An endpoint may stand otherwise now. */
  readonly endpointChanged: (endpoint: Endpoint) => void;
  /** An endpoint left the pool. */
  readonly endpointLeft: (endpoint: Endpoint) => void;
}

/** The accounts, organizations and endpoints of a pool, kept through updates as far as they are still the same. */
export class Roster<A extends AccountOptions> {
  readonly organizations = new Map<string, Organization>();
  readonly #parts: RosterParts<A>;
  readonly #loads: LoadTable;
  readonly #accounts = new Map<string, Account>();
  readonly #leaving = new Map<Endpoint, () => void>();

  constructor(loads: LoadTable, parts: RosterParts<A>) {
    this.#loads = loads;
    this.#parts = parts;
  }

  get endpoints(): Endpoint[] {
    return [...this.#accounts.values()].flatMap((account) => [...account.endpoints.values()]);
  }

  /**
   * Becomes what the options say. An account or region that is the same keeps its connection, breaker and latency, with
   * whatever weight, tier, models or limits it has now. Resolves when calls under way at what left have ended and it is
   * closed. Throws what `connect` throws.
   */
  update(options: readonly A[]): Promise<unknown> {
    const left: Endpoint[] = [];
    const before = new Map(this.#accounts);
    this.#accounts.clear();
    for (const account of options) {
      const known = before.get(account.name);
      const same = known !== undefined && isSameConnection(known.options, account);
      if (known !== undefined && !same) left.push(...this.#retire(known, known.endpoints.keys()));
      this.#accounts.set(account.name, this.#join(account, same ? known : undefined, left));
      before.delete(account.name);
    }
    for (const gone of before.values()) left.push(...this.#retire(gone, gone.endpoints.keys()));
    this.#updateOrganizations();
    return Promise.all(left.map((endpoint) => this.#close(endpoint)));
  }

  /** A call at the endpoint has ended. */
  freed(endpoint: Endpoint): void {
    if (this.#leaving.size === 0 || endpoint.inFlight > 0) return;
    this.#leaving.get(endpoint)?.();
  }

  #join(options: A, known: Account | undefined, left: Endpoint[]): Account {
    const account = known ?? this.#newAccount(options);
    const stays = new Set<string>();
    for (const region of options.regions) {
      const endpoint = account.endpoints.get(region.name);
      if (endpoint !== undefined && isDeepStrictEqual(endpoint.region, region)) stays.add(region.name);
    }
    left.push(
      ...this.#retire(
        account,
        [...account.endpoints.keys()].filter((region) => !stays.has(region)),
      ),
    );
    account.options = options;
    // In the order of the configuration, which is what the strategy `priority` goes by.
    const endpoints = options.regions.map(
      (region) => account.endpoints.get(region.name) ?? this.#newEndpoint(account, options, region),
    );
    account.endpoints.clear();
    for (const endpoint of endpoints) {
      this.#loads.setWeight(endpoint.row, options.weight);
      account.endpoints.set(endpoint.region.name, endpoint);
    }
    return account;
  }

  #newAccount(options: A): Account {
    const endpoints = new Map<string, Endpoint>();
    const changed = () => this.#changed(endpoints.values());
    const organization = this.#organization(options.organization);
    return {
      name: options.name,
      organization,
      suspension: this.#parts.accountSuspension(changed),
      endpoints,
      options,
    };
  }

  #newEndpoint(account: Account, options: A, region: RegionOptions): Endpoint {
    const breaker = this.#parts.breaker(account.name, region.name, () => this.#changed([endpoint]));
    const endpoint = new Endpoint(account, region, this.#parts.connect(options, region), breaker, this.#loads);
    return endpoint;
  }

  #organization(name: string): Organization {
    let organization = this.organizations.get(name);
    if (organization === undefined) {
      const suspension = this.#parts.organizationSuspension(() =>
        this.#changed(this.endpoints.filter((endpoint) => endpoint.organization.name === name)),
      );
      organization = new Organization(name, suspension, this.#parts.pacing);
      this.organizations.set(name, organization);
    }
    return organization;
  }

  #updateOrganizations(): void {
    for (const [name, organization] of this.organizations) {
      const accounts = [...this.#accounts.values()].filter((account) => account.organization === organization);
      if (accounts.length > 0) {
        organization.configure(accounts.flatMap((account) => account.options.limits));
      } else {
        organization.close();
        this.organizations.delete(name);
      }
    }
  }

  #changed(endpoints: Iterable<Endpoint>): void {
    for (const endpoint of endpoints) {
      // One that left may still hear from its breaker.
      if (endpoint.account.endpoints.get(endpoint.region.name) !== endpoint) continue;
      endpoint.refresh();
      this.#parts.endpointChanged(endpoint);
    }
  }

  #retire(account: Account, regions: Iterable<string>): Endpoint[] {
    const retired = [...regions].flatMap((region) => account.endpoints.get(region) ?? []);
    for (const endpoint of retired) {
      account.endpoints.delete(endpoint.region.name);
      this.#parts.endpointLeft(endpoint);
    }
    if (account.endpoints.size === 0) account.suspension.close();
    return retired;
  }

  async #close(endpoint: Endpoint): Promise<void> {
    if (endpoint.inFlight > 0) {
      await new Promise<void>((resolve) => this.#leaving.set(endpoint, resolve));
      this.#leaving.delete(endpoint);
    }
    this.#loads.release(endpoint.row);
    endpoint.breaker.close();
    await endpoint.connection.close();
  }
}

/** What an update may change without connecting anew is what only choosing and pacing read. */
function isSameConnection(a: AccountOptions, b: AccountOptions): boolean {
  const { weight: _a, priority: _b, models: _c, limits: _d, regions: _e, ...one } = a;
  const { weight: _f, priority: _g, models: _h, limits: _i, regions: _j, ...other } = b;
  return isDeepStrictEqual(one, other);
}
