import type { Clock } from './clock.ts';
import type { Endpoint } from './endpoint.ts';
import type { Lane, RegionGroup, Slot, Tier } from './lane.ts';
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

/** Something with a weight out of which an endpoint is found by rank: all of a tier, or some parts of it. */
interface Span {
  readonly total: number;
  at(rank: number): Choice | undefined;
}

/**
 * Chooses one of the endpoints that can take a call now: in the lowest tier that has any, at the organization that the
 * call's key belongs to, and else by the strategy. The cost is that of a few tree descents, whatever the pool's size.
 */
export class Selection {
  readonly #strategy: Strategy;
  readonly #clock: Clock;

  constructor(strategy: Strategy, clock: Clock) {
    this.#strategy = strategy;
    this.#clock = clock;
  }

  choose(lane: Lane, wish: Wish): Choice | undefined {
    if (wish.avoid.length === 0) return this.#search(lane, wish);
    const hidden = wish.avoid.flatMap((endpoint) => endpoint.places.filter((place) => place.lane === lane));
    for (const { slot, index } of hidden) slot.hide(index);
    const choice = this.#search(lane, wish);
    for (const endpoint of wish.avoid) endpoint.refresh();
    return choice;
  }

  #search(lane: Lane, wish: Wish): Choice | undefined {
    for (const tier of lane.tiers) {
      if (tier.regions.total === 0) continue;
      const choice =
        wish.only === undefined ? this.#searchTier(tier, wish) : this.#pick(tier, slotsOf(tier, wish.only, wish), wish);
      if (choice !== undefined) return choice;
    }
    return undefined;
  }

  #searchTier(tier: Tier, wish: Wish): Choice | undefined {
    const home = homeIn(tier, wish.region, wish.key);
    const atHome = home === undefined ? undefined : this.#pick(tier, slotsOf(tier, home, wish), wish);
    return atHome ?? this.#pick(tier, spanOf(tier, wish), wish);
  }

  #pick(tier: Tier, span: Span, wish: Wish): Choice | undefined {
    if (span.total === 0) return undefined;
    if (this.#strategy === 'latency') return this.#betterOfTwo(span, wish);
    return span.at(this.#rank(tier, span.total));
  }

  #rank(tier: Tier, total: number): number {
    if (this.#strategy === 'round_robin') return tier.turn++ % total;
    return this.#strategy === 'weighted' ? Math.floor(this.#clock.random() * total) : 0;
  }

  /**
   * Two at random, the cheaper one taken: nearly as good as looking at all, and without the herd that runs to the best (M.
   * Mitzenmacher, "The power of two choices in randomized load balancing", 1996).
   */
  #betterOfTwo(span: Span, { stream }: Wish): Choice | undefined {
    const rank = Math.floor(this.#clock.random() * span.total);
    const one = span.at(rank);
    if (one === undefined || span.total === 1) return one;
    const step = 1 + Math.floor(this.#clock.random() * (span.total - 1));
    const other = span.at((rank + step) % span.total);
    if (other === undefined) return one;
    const now = this.#clock.now();
    return other.endpoint.cost(stream, now) < one.endpoint.cost(stream, now) ? other : one;
  }
}

/** The organization that a key belongs to in a tier; undefined without a key, or when the region has none of it. */
export function homeIn(tier: Tier, region: string, key: number | undefined): Organization | undefined {
  if (key === undefined) return undefined;
  return region === '' ? tier.ring.owner(key) : tier.byRegion.get(region)?.ring.owner(key);
}

function spanOf(tier: Tier, { region, overloaded }: Wish): Span {
  if (region === '' && overloaded === undefined) {
    return { total: tier.regions.total, at: (rank) => inTier(tier, rank) };
  }
  const group = tier.byRegion.get(region);
  const groups = region === '' ? tier.regions.items : group === undefined ? [] : [group];
  return spanOver(
    groups.filter(({ name }) => overloaded?.(name) !== true),
    (group) => group.slots.total,
    inRegion,
  );
}

function slotsOf(tier: Tier, organization: Organization, { region, overloaded }: Wish): Span {
  const slots = (tier.byOrganization.get(organization) ?? []).filter(
    (slot) => (region === '' || slot.region.name === region) && overloaded?.(slot.region.name) !== true,
  );
  return spanOver(slots, (slot) => slot.weight, inSlot);
}

/** Lays parts end to end; there are as many as regions, which are few. */
function spanOver<T>(
  parts: readonly T[],
  weightOf: (part: T) => number,
  within: (part: T, rank: number) => Choice | undefined,
): Span {
  let total = 0;
  for (const part of parts) total += weightOf(part);
  return {
    total,
    at(rank) {
      let left = rank;
      for (const part of parts) {
        const weight = weightOf(part);
        if (left < weight) return within(part, left);
        left -= weight;
      }
      return undefined;
    },
  };
}

function inTier(tier: Tier, rank: number): Choice | undefined {
  const region = tier.regions.find(rank);
  return region === undefined ? undefined : inRegion(region, tier.regions.remainder);
}

function inRegion(region: RegionGroup, rank: number): Choice | undefined {
  const slot = region.slots.find(rank);
  return slot === undefined ? undefined : inSlot(slot, region.slots.remainder);
}

function inSlot(slot: Slot, rank: number): Choice | undefined {
  const endpoint = slot.endpoints.find(rank);
  return endpoint === undefined ? undefined : { endpoint, slot };
}
