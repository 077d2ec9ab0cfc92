import { LRUCache } from 'lru-cache';
import { RelayError } from '../completion/errors.ts';
import { matchesAnyModel } from '../completion/model-pattern.ts';
import { affinityKey } from './affinity.ts';
import type { RoutedCall } from './attempt.ts';
import type { Endpoint } from './endpoint.ts';
import { hash32 } from './hash.ts';
import { Lane } from './lane.ts';
import type { Amounts } from './limit-set.ts';
import { modelClass } from './model-class.ts';
import type { Organization } from './organization.ts';
import type { Pacer } from './pacer.ts';
import type { SealMakers } from './seal-makers.ts';
import { firstSeal } from './seals.ts';
import { homeIn } from './selection.ts';
import { TokenEstimate } from './token-estimate.ts';

/** Where a call may go. */
export interface Route {
  /** Which set of endpoints it was worked out for. */
  readonly version: number;
  readonly lane: Lane;
  readonly region: string;
  /** Key by which the call, and so its conversation, belongs to an organization; undefined for what is none. */
  readonly conversation: number | undefined;
  /** The same where the call is to be sent by it; undefined where affinity is off. */
  readonly key: number | undefined;
  /** Name of the first sealed value in the history; undefined where there is none. */
  readonly seal: string | undefined;
  /** The only organization that can read the sealed values in the history. */
  readonly only: Organization | undefined;
  readonly cost: Amounts;
  readonly estimate: TokenEstimate;
}

export interface RouterOptions {
  readonly affinity: 'prompt_prefix' | 'off';
  /** Whether choice within a lane goes by configured weight. */
  readonly byWeight: boolean;
  readonly makers: SealMakers;
}

/** What is the same for all calls of one operation and model. */
type Way = Pick<Route, 'lane' | 'estimate'>;

/** Model names come from callers; beyond so many, the longest unused is worked out again. */
const KNOWN_MODELS = 1_000;

/** Finds out which endpoints may serve a call, and keeps what is the same for many calls. */
export class Router {
  readonly #options: RouterOptions;
  readonly #ways = new LRUCache<string, Way>({ max: KNOWN_MODELS });
  readonly #lanes = new Map<string, Lane>();
  readonly #estimates = new Map<string, TokenEstimate>();
  #endpoints: readonly Endpoint[] = [];
  #organizations: ReadonlyMap<string, Organization> = new Map();
  #allowLists: readonly (readonly string[])[] = [];
  #version = 0;
  #nextLane = 1;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Takes another set of endpoints; lanes are built anew as calls need them. */
  replace(endpoints: readonly Endpoint[], organizations: ReadonlyMap<string, Organization>): void {
    for (const endpoint of this.#endpoints) endpoint.places = [];
    for (const endpoint of endpoints) endpoint.places = [];
    this.#endpoints = endpoints;
    this.#organizations = organizations;
    const lists = new Map(endpoints.map(({ account }) => [account.options.models.join(','), account.options.models]));
    this.#allowLists = [...lists.values()];
    this.#ways.clear();
    this.#lanes.clear();
    this.#version++;
  }

  pacerChanged(pacer: Pacer): void {
    for (const lane of this.#lanes.values()) lane.pacerChanged(pacer);
  }

  /** Where a call may go, from what was worked out for it before if that still holds. */
  route(call: RoutedCall): Route {
    const known = call.attempts?.route;
    if (known !== undefined && known.version === this.#version) return known;
    const route = this.#newRoute(call);
    if (call.attempts !== undefined) call.attempts.route = route;
    return route;
  }

  #newRoute(call: RoutedCall): Route {
    const { lane, estimate } = this.#wayFor(call);
    const { region, affinityKey: givenKey } = call.routing;
    if (region !== '' && lane.tiers.length > 0 && !lane.tiers.some((tier) => tier.regions.has(region)))
      throw this.#unknownRegion();
    const conversation = this.#conversationOf(call);
    const seal = conversation === undefined ? undefined : firstSeal(call.body);
    return {
      version: this.#version,
      lane,
      region,
      conversation,
      key: givenKey !== '' || this.#options.affinity !== 'off' ? conversation : undefined,
      seal,
      only: seal === undefined ? undefined : (this.#makerOf(seal, lane) ?? homeOf({ lane, region, conversation })),
      cost: estimate.of(call),
      estimate,
    };
  }

  #conversationOf({ operation, routing, body, model }: RoutedCall): number | undefined {
    // With one organization there is nothing to choose by it.
    if (operation !== 'messages' || this.#organizations.size < 2) return undefined;
    return routing.affinityKey === '' ? affinityKey(body, model) : hash32(routing.affinityKey);
  }

  #makerOf(seal: string, lane: Lane): Organization | undefined {
    const maker = this.#organizations.get(this.#options.makers.of(seal) ?? '');
    return maker !== undefined && lane.tiers.some((tier) => tier.byOrganization.has(maker)) ? maker : undefined;
  }

  #wayFor({ operation, model }: RoutedCall): Way {
    const name = `${operation} ${model}`;
    let way = this.#ways.get(name);
    if (way === undefined) {
      const apiClass = modelClass(operation, model);
      way = { lane: this.#laneFor(model, apiClass), estimate: this.#estimateFor(apiClass) };
      this.#ways.set(name, way);
    }
    return way;
  }

  #laneFor(model: string, apiClass: string): Lane {
    const name = this.#laneName(model, apiClass);
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = this.#build(model, apiClass);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** Models that the same accounts may serve and that are paced alike share a lane, however many names they have. */
  #laneName(model: string, apiClass: string): string {
    const allowed = this.#allowLists.map((list) => (isAllowed(list, model) ? '1' : '0')).join('');
    if (this.#endpoints.length > 0 && !allowed.includes('1')) throw noAccountFor();
    const apart: string[] = [];
    for (const organization of this.#organizations.values()) {
      const name = organization.classOf(model, apiClass);
      if (name !== apiClass) apart.push(`${organization.name}=${name}`);
    }
    return [allowed, apiClass, ...apart].join(' ');
  }

  #build(model: string, apiClass: string): Lane {
    const endpoints = this.#endpoints.filter(({ account }) => isAllowed(account.options.models, model));
    return new Lane(
      this.#nextLane++,
      endpoints,
      (organization) => organization.pacerOf(model, apiClass),
      this.#options.byWeight,
    );
  }

  #estimateFor(apiClass: string): TokenEstimate {
    let estimate = this.#estimates.get(apiClass);
    if (estimate === undefined) {
      estimate = new TokenEstimate();
      this.#estimates.set(apiClass, estimate);
    }
    return estimate;
  }

  #unknownRegion(): RelayError {
    const regions = [...new Set(this.#endpoints.map(({ region }) => region.name))].join(', ');
    return new RelayError('INVALID_REQUEST', `No account serves the model in the region. Regions: ${regions}.`, {
      violations: [{ field: 'relay.region', description: `must be empty or one of: ${regions}` }],
    });
  }
}

/** The organization that a call belongs to by its key, whether or not it has room. */
export function homeOf({
  lane,
  region,
  conversation,
}: Pick<Route, 'lane' | 'region' | 'conversation'>): Organization | undefined {
  const tier = lane.tiers.find((tier) => region === '' || tier.regions.has(region));
  return tier === undefined ? undefined : homeIn(tier, region, conversation);
}

/** Listing models names no model: every account may. */
function isAllowed(patterns: readonly string[], model: string): boolean {
  return model === '' || matchesAnyModel(patterns, model);
}

function noAccountFor(): RelayError {
  return new RelayError('NOT_FOUND', 'No account of the relay serves the model. Check the model id.', {
    violations: [{ field: 'model', description: 'is served by no account of the relay' }],
  });
}
