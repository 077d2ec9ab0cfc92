import { ConsistentHashRing } from './consistent-hash-ring.ts';
import type { Endpoint } from './endpoint.ts';
import { Heap, type HeapNode } from './heap.ts';
import type { Organization } from './organization.ts';
import type { Pacer } from './pacer.ts';
import { PrefixTree } from './prefix-tree.ts';

/** Weights are fractions in the configuration and whole numbers in the trees. */
const WEIGHT_SCALE = 1000;

/** The accounts of one organization in one region and tier: what one pacer holds back together. */
export interface Slot {
  readonly index: number;
  readonly region: Region;
  readonly organization: Organization;
  readonly pacer: Pacer;
  /** Its endpoints are those from `first` to before `end` in the tier's order. */
  readonly first: number;
  readonly end: number;
  /** Endpoints that may soon serve, whatever their pacer says. */
  alive: number;
}

/** All that one tier has in one region; what an overloaded (region, model) sets aside together. */
export interface Region {
  readonly name: string;
  /** Its slots are those from `first` to before `end` in the tier's order. */
  readonly first: number;
  readonly end: number;
  readonly ring: ConsistentHashRing<Organization>;
  alive: number;
}

/**
 * Accounts of the same priority: used while no lower one has capacity. Endpoints are laid out by region, organization and
 * configuration order. Two trees hold what can be chosen: one the endpoints that are ready, the other the slots whose
 * pacer is open, so that a pacer that closes hides all its endpoints with one change for each region.
 */
export class Tier {
  readonly endpoints: readonly Endpoint[];
  readonly slots: readonly Slot[];
  readonly regions: ReadonlyMap<string, Region>;
  /** Slots of each organization, by index. */
  readonly byOrganization: ReadonlyMap<Organization, Int32Array>;
  /** What can be chosen now, by slot. */
  readonly open: PrefixTree;
  alive = 0;
  /** Calls given out in turn. */
  turn = 0;
  readonly #ready: PrefixTree;
  /** First endpoint of each slot, and the end of the last. */
  readonly #firstOf: Int32Array;
  readonly #slotOf: Int32Array;
  readonly #rows: Int32Array;
  readonly #isAlive: Uint8Array;
  readonly #byWeight: boolean;
  #ring: ConsistentHashRing<Organization> | undefined;

  constructor(endpoints: readonly Endpoint[], pacerOf: (organization: Organization) => Pacer, byWeight: boolean) {
    const layout = lay(endpoints, pacerOf);
    this.endpoints = layout.endpoints;
    this.slots = layout.slots;
    this.regions = layout.regions;
    const byOrganization = Map.groupBy(layout.slots, (slot) => slot.organization);
    this.byOrganization = new Map(
      [...byOrganization].map(([organization, slots]) => [organization, Int32Array.from(slots, (slot) => slot.index)]),
    );
    this.open = new PrefixTree(layout.slots.length);
    this.#ready = new PrefixTree(endpoints.length);
    this.#isAlive = new Uint8Array(endpoints.length);
    this.#byWeight = byWeight;
    this.#rows = Int32Array.from(layout.endpoints, (endpoint) => endpoint.row);
    this.#slotOf = new Int32Array(endpoints.length);
    this.#firstOf = Int32Array.from([...layout.slots.map((slot) => slot.first), endpoints.length]);
    for (const slot of layout.slots) this.#slotOf.fill(slot.index, slot.first, slot.end);
  }

  get ring(): ConsistentHashRing<Organization> {
    this.#ring ??= ringOf(this.slots);
    return this.#ring;
  }

  /** The index of the endpoint at a rank of `open`. */
  indexAt(rank: number): number {
    const slot = this.open.find(rank);
    return this.indexIn(slot, this.open.remainder);
  }

  /** The index of the endpoint at a rank within a slot. */
  indexIn(slot: number, rank: number): number {
    const first = this.#firstOf[slot] ?? 0;
    // Most slots hold one key.
    return this.#firstOf[slot + 1] === first + 1 ? first : this.#ready.find(this.#ready.before(first) + rank);
  }

  /** Row of an endpoint in the load table. */
  rowOf(index: number): number {
    return this.#rows[index] ?? 0;
  }

  slotOf(index: number): Slot | undefined {
    return this.slots[this.#slotOf[index] ?? 0];
  }

  setEndpoint(index: number, ready: boolean, alive: boolean): void {
    const slot = this.slotOf(index);
    if (slot === undefined) return;
    const change = (alive ? 1 : 0) - (this.#isAlive[index] ?? 0);
    this.#isAlive[index] = alive ? 1 : 0;
    slot.alive += change;
    slot.region.alive += change;
    this.alive += change;
    this.#ready.setWeight(index, ready ? this.#fullWeight(index) : 0);
    this.refresh(slot);
  }

  /** Takes one endpoint out of the choice until its next `setEndpoint`. */
  hide(index: number): void {
    this.#ready.setWeight(index, 0);
    const slot = this.slotOf(index);
    if (slot !== undefined) this.refresh(slot);
  }

  /** The slot's pacer opened or closed, or one of its endpoints changed. */
  refresh({ index, first, end, pacer }: Slot): void {
    const ready = pacer.open ? this.#ready.before(end) - this.#ready.before(first) : 0;
    this.open.setWeight(index, ready);
  }

  #fullWeight(index: number): number {
    return this.#byWeight ? Math.max(1, Math.round((this.endpoints[index]?.weight ?? 1) * WEIGHT_SCALE)) : 1;
  }
}

function lay(unsorted: readonly Endpoint[], pacerOf: (organization: Organization) => Pacer) {
  const endpoints: Endpoint[] = [];
  const slots: Slot[] = [];
  const regions = new Map<string, Region>();
  for (const [name, members] of Map.groupBy(unsorted, (endpoint) => endpoint.region.name)) {
    const organizations = Map.groupBy(members, (endpoint) => endpoint.organization);
    const ring = lazyRing([...organizations.keys()]);
    const region: Region = {
      name,
      first: slots.length,
      end: slots.length + organizations.size,
      alive: 0,
      get ring() {
        return ring();
      },
    };
    regions.set(name, region);
    for (const [organization, keys] of organizations) {
      const first = endpoints.length;
      endpoints.push(...keys);
      const end = endpoints.length;
      slots.push({ index: slots.length, region, organization, pacer: pacerOf(organization), first, end, alive: 0 });
    }
  }
  return { endpoints, slots, regions };
}

/** Made when first used: most regions are never asked for by name. */
function lazyRing(organizations: readonly Organization[]): () => ConsistentHashRing<Organization> {
  let ring: ConsistentHashRing<Organization> | undefined;
  return () => (ring ??= new ConsistentHashRing(organizations, (organization) => organization.name));
}

function ringOf(slots: readonly Slot[]): ConsistentHashRing<Organization> {
  const organizations = new Set(slots.map((slot) => slot.organization));
  return new ConsistentHashRing([...organizations], (organization) => organization.name);
}

/** When a pacer that serves the lane opens again. */
class Opening implements HeapNode {
  heapIndex = -1;
  time = 0;
}

interface Paced {
  readonly slots: { readonly tier: Tier; readonly slot: Slot }[];
  readonly opening: Opening;
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
  readonly #paced = new Map<Pacer, Paced>();

  /** @param pacerOf the pacer of an organization for this lane's class */
  constructor(
    id: number,
    endpoints: readonly Endpoint[],
    pacerOf: (organization: Organization) => Pacer,
    byWeight: boolean,
  ) {
    this.id = id;
    const tiers = Map.groupBy(endpoints, (endpoint) => endpoint.account.options.priority);
    this.tiers = [...tiers].sort(([a], [b]) => a - b).map(([, members]) => new Tier(members, pacerOf, byWeight));
    for (const tier of this.tiers) this.#enter(tier);
  }

  /** When the first of the closed pacers opens; 0 when none is closed, Infinity when only the end of a call opens one. */
  get nextOpening(): number {
    return this.#openings.peek()?.time ?? 0;
  }

  /** A pacer closed or opened. */
  pacerChanged(pacer: Pacer): void {
    const paced = this.#paced.get(pacer);
    if (paced === undefined) return;
    this.#openings.remove(paced.opening);
    if (!pacer.open) {
      paced.opening.time = pacer.closedUntil;
      this.#openings.push(paced.opening);
    }
    for (const { tier, slot } of paced.slots) tier.refresh(slot);
  }

  #enter(tier: Tier): void {
    for (const [index, endpoint] of tier.endpoints.entries()) {
      endpoint.places.push({ lane: this, tier, index });
      tier.setEndpoint(index, endpoint.ready, endpoint.alive);
    }
    for (const slot of tier.slots) {
      const paced = this.#paced.get(slot.pacer) ?? { slots: [], opening: new Opening() };
      paced.slots.push({ tier, slot });
      this.#paced.set(slot.pacer, paced);
    }
    for (const pacer of new Set(tier.slots.map((slot) => slot.pacer))) this.pacerChanged(pacer);
  }
}
