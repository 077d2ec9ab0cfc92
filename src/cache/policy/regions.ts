import type { Removal } from '../tiny-lfu-metrics.ts';
import type { Frequency } from './frequency.ts';
import { type Entry, hasExpired, Segment } from './segment.ts';

/** Part of the main region that is protected (TinyLFU, section 4.1). */
export const PROTECTED_SHARE = 0.8;

/** Entries that move from the window to the main region at one insertion, while the window has to shrink. */
const MOVES_PER_INSERTION = 4;

/** Told of every entry that leaves for lack of room, or is found expired when room is made. */
export type Leave<K extends string | number, V> = (
  entry: Entry<K, V>,
  removal: Exclude<Removal, 'replaced' | 'deleted'>,
  now: number,
) => void;

/**
 * Where entries live, and which give way: new ones enter an LRU window; what falls out of it moves on to the main region,
 * a segmented LRU (Karedla, Love and Wherry, IEEE Computer 1994), only if it was asked for more often than all that it
 * would displace there together (the aggregated victims of Einziger et al., "Lightweight Robust Size Aware Cache
 * Management", ACM TOS 2022). The costs sum to at most the capacity at every step. MiniatureCache follows the same rules.
 */
export class Regions<K extends string | number, V> {
  readonly #capacity: number;
  readonly #frequency: Frequency;
  readonly #leave: Leave<K, V>;
  readonly #window: Segment<K, V>;
  readonly #probation: Segment<K, V>;
  readonly #protected: Segment<K, V>;
  readonly #main: readonly Segment<K, V>[];
  readonly #victims: Entry<K, V>[] = [];
  #windowCapacity = 0;
  #protectedCapacity = 0;

  constructor(capacity: number, frequency: Frequency, leave: Leave<K, V>) {
    this.#capacity = capacity;
    this.#frequency = frequency;
    this.#leave = leave;
    this.#window = new Segment(capacity);
    this.#probation = new Segment(capacity);
    this.#protected = new Segment(capacity);
    this.#main = [this.#probation, this.#protected];
  }

  get size(): number {
    return this.#window.size + this.#probation.size + this.#protected.size;
  }

  get cost(): number {
    return this.#window.cost + this.#probation.cost + this.#protected.cost;
  }

  /** Sets the window's part of the capacity. Entries follow by and by, with the insertions and hits to come. */
  setWindow(share: number): void {
    this.#windowCapacity = Math.round(this.#capacity * share);
    this.#protectedCapacity = Math.floor((this.#capacity - this.#windowCapacity) * PROTECTED_SHARE);
  }

  /** The entry, untouched. */
  find(key: K): Entry<K, V> | undefined {
    return this.#protected.peek(key) ?? this.#window.peek(key) ?? this.#probation.peek(key);
  }

  /** The entry, which counts as used; one on probation becomes protected. */
  use(key: K): Entry<K, V> | undefined {
    const entry = this.#protected.use(key) ?? this.#window.use(key);
    if (entry !== undefined) return entry;
    const promoted = this.#probation.peek(key);
    if (promoted === undefined) return undefined;
    this.#probation.remove(promoted);
    this.#protected.add(promoted);
    while (this.#protected.cost > this.#protectedCapacity) {
      const demoted = this.#protected.takeOldest();
      if (demoted !== undefined) this.#probation.add(demoted);
    }
    return promoted;
  }

  /** Takes in a new entry of at most the capacity's cost. */
  insert(entry: Entry<K, V>, now: number): void {
    this.#shrinkWindow();
    this.#makeWindowRoom(entry.cost, now);
    this.#makeRoom(entry.cost, now);
    this.#window.add(entry);
  }

  /** Gives an entry another cost, of at most the capacity; it counts as used but stays in its segment. */
  resize(entry: Entry<K, V>, cost: number, now: number): void {
    const { segment } = entry;
    segment?.remove(entry);
    entry.cost = cost;
    this.#makeRoom(cost, now);
    segment?.add(entry);
  }

  remove(entry: Entry<K, V>): void {
    entry.segment?.remove(entry);
  }

  clear(): void {
    this.#window.clear();
    this.#probation.clear();
    this.#protected.clear();
  }

  /** All entries. */
  *all(): Generator<Entry<K, V> | undefined, void, unknown> {
    yield* this.#protected.oldestFirst();
    yield* this.#window.oldestFirst();
    yield* this.#probation.oldestFirst();
  }

  #shrinkWindow(): void {
    for (let moves = 0; moves < MOVES_PER_INSERTION; moves += 1) {
      if (this.#window.cost <= this.#windowCapacity || this.#window.size === 1) return;
      const moved = this.#window.takeOldest();
      if (moved !== undefined) this.#probation.add(moved);
    }
  }

  /** Lets go of the window's oldest until the cost fits: to the main region, or out. The newest entry has a place always. */
  #makeWindowRoom(cost: number, now: number): void {
    const bound = Math.max(this.#windowCapacity, this.#window.cost);
    while (this.#window.cost + cost > bound) {
      const candidate = this.#window.takeOldest();
      if (candidate === undefined) return;
      const needed = this.cost + candidate.cost + cost - this.#capacity;
      if (hasExpired(candidate, now)) this.#leave(candidate, 'expired', now);
      else if (this.#admit(candidate, Math.min(needed, candidate.cost), now)) this.#probation.add(candidate);
      else this.#leave(candidate, 'rejected', now);
    }
  }

  /** Evicts victims of at least the wanted cost, if the candidate was asked for more often than all of them together. */
  #admit(candidate: Entry<K, V>, wanted: number, now: number): boolean {
    if (wanted <= 0) return true;
    const victims = this.#victimsOf(candidate, wanted, now);
    if (victims === undefined) return false;
    for (const victim of victims) {
      this.remove(victim);
      this.#leave(victim, hasExpired(victim, now) ? 'expired' : 'evicted', now);
    }
    return true;
  }

  /** What the candidate may displace, in the order in which the main region gives way; undefined if it may not. */
  #victimsOf(candidate: Entry<K, V>, wanted: number, now: number): readonly Entry<K, V>[] | undefined {
    const worth = this.#estimate(candidate);
    let lost = 0;
    let freed = 0;
    this.#victims.length = 0;
    for (const segment of this.#main) {
      for (const victim of segment.oldestFirst()) {
        if (victim === undefined) continue;
        if (!hasExpired(victim, now)) {
          lost += this.#estimate(victim);
          if (lost >= worth) return undefined;
        }
        this.#victims.push(victim);
        freed += victim.cost;
        if (freed >= wanted) return this.#victims;
      }
    }
    return undefined;
  }

  /** Evicts unconditionally, the main region first, until the cost fits. */
  #makeRoom(cost: number, now: number): void {
    while (this.cost + cost > this.#capacity) {
      const victim = this.#probation.takeOldest() ?? this.#protected.takeOldest() ?? this.#window.takeOldest();
      if (victim === undefined) return;
      this.#leave(victim, hasExpired(victim, now) ? 'expired' : 'evicted', now);
    }
  }

  #estimate(entry: Entry<K, V>): number {
    return this.#frequency.estimate(entry.h0, entry.h1, entry.h2, entry.h3);
  }
}
