import { ConsistentHashRing } from './consistent-hash-ring.ts';
import type { Endpoint } from './endpoint.ts';
import { Heap, type HeapNode } from './heap.ts';
import type { Organization } from './organization.ts';
import type { Pacer } from './pacer.ts';
import { WeightedSet } from './weighted-set.ts';

/** Weights are fractions in the configuration and whole numbers in the trees. */
const WEIGHT_SCALE = 1000;

/** The accounts of one organization in one region and tier: what one pacer holds back together. */
export class Slot {
  readonly region: RegionGroup;
  readonly organization: Organization;
  readonly pacer: Pacer;
  readonly endpoints: WeightedSet<Endpoint>;
  /** Endpoints that may soon serve, whatever their pacer says. */
  alive = 0;
  readonly #index: number;
  readonly #byWeight: boolean;
  readonly #isAlive: Uint8Array;

  constructor(region: RegionGroup, index: number, pacer: Pacer, endpoints: readonly Endpoint[], byWeight: boolean) {
    this.region = region;
    this.#index = index;
    this.pacer = pacer;
    this.endpoints = new WeightedSet(endpoints);
    const [first] = endpoints;
    if (first === undefined) throw new Error('A slot without endpoints.');
    this.organization = first.organization;
    this.#byWeight = byWeight;
    this.#isAlive = new Uint8Array(endpoints.length);
  }

  /** What of it can be chosen now. */
  get weight(): number {
    return this.pacer.open ? this.endpoints.total : 0;
  }

  setEndpoint(index: number, ready: boolean, alive: boolean): void {
    const change = (alive ? 1 : 0) - (this.#isAlive[index] ?? 0);
    this.#isAlive[index] = alive ? 1 : 0;
    this.alive += change;
    this.region.alive += change;
    this.region.tier.alive += change;
    this.endpoints.setWeight(index, ready ? this.#fullWeight(index) : 0);
    this.refresh();
  }

  /** Takes one endpoint out of the choice until its next `setEndpoint`. */
  hide(index: number): void {
    this.endpoints.setWeight(index, 0);
    this.refresh();
  }

  refresh(): void {
    const { region } = this;
    region.slots.setWeight(this.#index, this.weight);
    region.tier.regions.setWeight(region.index, region.slots.total);
  }

  #fullWeight(index: number): number {
    const weight = this.endpoints.items[index]?.account.options.weight ?? 1;
    return this.#byWeight ? Math.max(1, Math.round(weight * WEIGHT_SCALE)) : 1;
  }
}

/** All that one tier has in one region; what an overloaded (region, model) sets aside together. */
export class RegionGroup {
  readonly name: string;
  readonly tier: Tier;
  readonly index: number;
  readonly slots: WeightedSet<Slot>;
  alive = 0;
  #ring: ConsistentHashRing<Organization> | undefined;

  constructor(name: string, tier: Tier, index: number, build: (region: RegionGroup) => readonly Slot[]) {
    this.name = name;
    this.tier = tier;
    this.index = index;
    this.slots = new WeightedSet(build(this));
  }

  get ring(): ConsistentHashRing<Organization> {
    this.#ring ??= ringOf(this.slots.items.map((slot) => slot.organization));
    return this.#ring;
  }
}

/** Accounts of the same priority: used while no lower one has capacity. */
export class Tier {
  readonly priority: number;
  readonly regions: WeightedSet<RegionGroup>;
  readonly byRegion: ReadonlyMap<string, RegionGroup>;
  readonly byOrganization: ReadonlyMap<Organization, readonly Slot[]>;
  alive = 0;
  /** Calls given out in turn. */
  turn = 0;
  #ring: ConsistentHashRing<Organization> | undefined;

  constructor(priority: number, build: (tier: Tier) => readonly RegionGroup[]) {
    this.priority = priority;
    const regions = build(this);
    this.regions = new WeightedSet(regions);
    this.byRegion = new Map(regions.map((region) => [region.name, region]));
    this.byOrganization = Map.groupBy(
      regions.flatMap((region) => region.slots.items),
      (slot) => slot.organization,
    );
  }

  get ring(): ConsistentHashRing<Organization> {
    this.#ring ??= ringOf([...this.byOrganization.keys()]);
    return this.#ring;
  }
}

function ringOf(organizations: readonly Organization[]): ConsistentHashRing<Organization> {
  return new ConsistentHashRing([...new Set(organizations)], (organization) => organization.name);
}

/** When a pacer that serves the lane opens again. */
class Opening implements HeapNode {
  heapIndex = -1;
  time = 0;
}

/**
 * Everything that may serve the models of one class: built once for each class in use, and kept up to date by what
 * happens to endpoints and pacers, so that choosing looks at none but the chosen.
 */
export class Lane {
  /** Tells lanes apart. */
  readonly id: number;
  /** By ascending priority. */
  readonly tiers: readonly Tier[];
  readonly #openings = new Heap<Opening>((a, b) => a.time < b.time);
  readonly #slots = new Map<Pacer, { readonly slots: Slot[]; readonly opening: Opening }>();

  /** @param pacerOf the pacer of an organization for this lane's class */
  constructor(
    id: number,
    endpoints: readonly Endpoint[],
    pacerOf: (organization: Organization) => Pacer,
    byWeight: boolean,
  ) {
    this.id = id;
    const tiers = Map.groupBy(endpoints, (endpoint) => endpoint.account.options.priority);
    this.tiers = [...tiers]
      .sort(([a], [b]) => a - b)
      .map(([priority, members]) => new Tier(priority, (tier) => this.#regions(tier, members, pacerOf, byWeight)));
    for (const tier of this.tiers) {
      for (const region of tier.regions.items) for (const slot of region.slots.items) this.#enter(slot);
    }
  }

  /** When the first of the closed pacers opens; 0 when none is closed, Infinity when only the end of a call opens one. */
  get nextOpening(): number {
    return this.#openings.peek()?.time ?? 0;
  }

  /** A pacer closed or opened. */
  pacerChanged(pacer: Pacer): void {
    const known = this.#slots.get(pacer);
    if (known === undefined) return;
    this.#openings.remove(known.opening);
    if (!pacer.open) {
      known.opening.time = pacer.closedUntil;
      this.#openings.push(known.opening);
    }
    for (const slot of known.slots) slot.refresh();
  }

  #regions(
    tier: Tier,
    endpoints: readonly Endpoint[],
    pacerOf: (organization: Organization) => Pacer,
    byWeight: boolean,
  ): RegionGroup[] {
    const regions = Map.groupBy(endpoints, (endpoint) => endpoint.region.name);
    return [...regions].map(
      ([name, members], index) =>
        new RegionGroup(name, tier, index, (region) => {
          const organizations = Map.groupBy(members, (endpoint) => endpoint.organization);
          return [...organizations].map(
            ([organization, keys], at) => new Slot(region, at, pacerOf(organization), keys, byWeight),
          );
        }),
    );
  }

  #enter(slot: Slot): void {
    let known = this.#slots.get(slot.pacer);
    if (known === undefined) {
      known = { slots: [], opening: new Opening() };
      this.#slots.set(slot.pacer, known);
    }
    known.slots.push(slot);
    for (const [index, endpoint] of slot.endpoints.items.entries()) {
      endpoint.places.push({ lane: this, slot, index });
      slot.setEndpoint(index, endpoint.ready, endpoint.alive);
    }
    if (known.slots.length === 1) this.pacerChanged(slot.pacer);
  }
}
