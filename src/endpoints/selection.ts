import type { Clock } from './clock.ts';
import type { Endpoint } from './endpoint.ts';
import type { Lane, Region, Slot, Tier } from './lane.ts';
import type { LoadTable } from './load-table.ts';
import type { Organization } from './organization.ts';

export type Strategy = 'latency' | 'round_robin' | 'weighted' | 'priority';

/** Where a call may go, and where it would rather. */
export interface Wish {
  /** Name of the only region; empty for any. */
  readonly region: string;
  /** The only organization that can read the call's sealed history. */
  readonly only: Organization | undefined;
  /** Affinity key, a whole number in [0, 2^32); undefined for none. */
  readonly key: number | undefined;
  /** Endpoints that have had their try. */
  readonly avoid: readonly Endpoint[];
  /** Whether a region is set aside for the call's model; undefined when none is. */
  readonly overloaded: ((region: string) => boolean) | undefined;
  /** Whether the answer is wanted as a stream. */
  readonly stream: boolean;
}

export interface Choice {
  readonly endpoint: Endpoint;
  readonly slot: Slot;
}

const NO_SLOTS = new Int32Array();

/**
 * Chooses one of the endpoints that can take a call now: in the lowest tier that has any, at the organization that the
 * call's key belongs to, and else by the strategy. The cost is that of a few tree descents, whatever the pool's size.
 */
export class Selection {
  readonly #strategy: Strategy;
  readonly #loads: LoadTable;
  readonly #clock: Clock;

  constructor(strategy: Strategy, loads: LoadTable, clock: Clock) {
    this.#strategy = strategy;
    this.#loads = loads;
    this.#clock = clock;
  }

  choose(lane: Lane, wish: Wish): Choice | undefined {
    if (wish.avoid.length === 0) return this.#search(lane, wish);
    const hidden = wish.avoid.flatMap((endpoint) => endpoint.places.filter((place) => place.lane === lane));
    for (const { tier, index } of hidden) tier.hide(index);
    const choice = this.#search(lane, wish);
    for (const endpoint of wish.avoid) endpoint.refresh();
    return choice;
  }

  #search(lane: Lane, wish: Wish): Choice | undefined {
    for (const tier of lane.tiers) {
      if (tier.open.total === 0) continue;
      const choice = wish.only === undefined ? this.#searchTier(tier, wish) : this.#pickAt(tier, wish.only, wish);
      if (choice !== undefined) return choice;
    }
    return undefined;
  }

  #searchTier(tier: Tier, wish: Wish): Choice | undefined {
    const { region, overloaded, key } = wish;
    const home = homeIn(tier, region, key);
    const atHome = home === undefined ? undefined : this.#pickAt(tier, home, wish);
    if (atHome !== undefined) return atHome;
    if (region === '' && overloaded === undefined) {
      return this.#pick(tier, tier.open.total, (rank) => tier.indexAt(rank), wish);
    }
    const named = tier.regions.get(region);
    const regions = region === '' ? [...tier.regions.values()] : named === undefined ? [] : [named];
    return this.#pickFrom(
      tier,
      regions.filter(({ name }) => overloaded?.(name) !== true),
      wish,
    );
  }

  #pickAt(tier: Tier, organization: Organization, wish: Wish): Choice | undefined {
    const all = tier.byOrganization.get(organization) ?? NO_SLOTS;
    const { region, overloaded } = wish;
    const slots =
      region === '' && overloaded === undefined
        ? all
        : all.filter((index) => {
            const name = tier.slots[index]?.region.name ?? '';
            return (region === '' || name === region) && overloaded?.(name) !== true;
          });
    let total = 0;
    for (const slot of slots) total += tier.open.weightOf(slot);
    const indexAt = (rank: number): number => {
      let left = rank;
      for (const slot of slots) {
        const weight = tier.open.weightOf(slot);
        if (left < weight) return tier.indexIn(slot, left);
        left -= weight;
      }
      return -1;
    };
    return this.#pick(tier, total, indexAt, wish);
  }

  #pickFrom(tier: Tier, regions: readonly Region[], wish: Wish): Choice | undefined {
    const { open } = tier;
    const starts = regions.map(({ first }) => open.before(first));
    const weights = regions.map(({ end }, at) => open.before(end) - (starts[at] ?? 0));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const indexAt = (rank: number): number => {
      let left = rank;
      let at = 0;
      for (let weight = weights[at]; weight !== undefined && left >= weight; weight = weights[++at]) left -= weight;
      return tier.indexAt((starts[at] ?? 0) + left);
    };
    return this.#pick(tier, total, indexAt, wish);
  }

  #pick(tier: Tier, total: number, indexAt: (rank: number) => number, wish: Wish): Choice | undefined {
    if (total === 0) return undefined;
    const index =
      this.#strategy === 'latency' ? this.#betterOfTwo(tier, total, indexAt, wish) : indexAt(this.#rank(tier, total));
    const endpoint = tier.endpoints[index];
    const slot = tier.slotOf(index);
    return endpoint === undefined || slot === undefined ? undefined : { endpoint, slot };
  }

  #rank(tier: Tier, total: number): number {
    if (this.#strategy === 'round_robin') return tier.turn++ % total;
    return this.#strategy === 'weighted' ? Math.floor(this.#clock.random() * total) : 0;
  }

  /**
   * Two at random, the cheaper one taken: nearly as good as looking at all, and without the herd that runs to the best (M.
   * Mitzenmacher, "The power of two choices in randomized load balancing", 1996).
   */
  #betterOfTwo(tier: Tier, total: number, indexAt: (rank: number) => number, { stream }: Wish): number {
    const rank = Math.floor(this.#clock.random() * total);
    const one = indexAt(rank);
    if (total === 1) return one;
    const step = 1 + Math.floor(this.#clock.random() * (total - 1));
    const other = indexAt((rank + step) % total);
    const now = this.#clock.now();
    const costOfOne = this.#loads.cost(tier.rowOf(one), stream, now);
    return this.#loads.cost(tier.rowOf(other), stream, now) < costOfOne ? other : one;
  }
}

/** The organization that a key belongs to in a tier; undefined without a key, or when the region has none of it. */
export function homeIn(tier: Tier, region: string, key: number | undefined): Organization | undefined {
  if (key === undefined) return undefined;
  return region === '' ? tier.ring.owner(key) : tier.regions.get(region)?.ring.owner(key);
}
