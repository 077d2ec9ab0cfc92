/** Why an entry left. `rejected`: admission turned it away when the window had no more room for it. */
export type Removal = 'evicted' | 'rejected' | 'expired' | 'deleted' | 'replaced';

/** Upper bounds of the life-expectancy histogram: 1 s to 65,536 s, by powers of two. */
const LIFE_BOUNDS = Array.from({ length: 17 }, (_, power) => 2 ** power);

/** How long entries lived that were evicted for lack of room: short lives mean that the cache is too small. */
export class LifeExpectancy {
  /** Inclusive upper bounds in seconds; one more count than bounds, for what lived longer. */
  readonly bounds: readonly number[] = LIFE_BOUNDS;
  readonly counts: number[] = Array.from({ length: LIFE_BOUNDS.length + 1 }, () => 0);
  count = 0;
  /** Seconds, over all entries counted. */
  sum = 0;

  /** @param age milliseconds between the entry's fill and its eviction */
  observe(age: number): void {
    const seconds = age / 1000;
    let bucket = 0;
    while (bucket < LIFE_BOUNDS.length && seconds > (LIFE_BOUNDS[bucket] ?? Infinity)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.count += 1;
    this.sum += seconds;
  }
}

/**
 * What happened to a cache since it was made, by Ristretto's names as far as they have a meaning here (its gets kept
 * and dropped have none: no buffer is lossy, every get is counted). At any moment
 * `keysAdded = keysEvicted + keysExpired + keysDeleted + size`, and the same holds for cost and bytes.
 */
export class TinyLfuMetrics {
  hits = 0;
  /** Gets that found nothing, or an entry past its time to live. */
  misses = 0;
  keysAdded = 0;
  /** Sets of a key that was present. */
  keysUpdated = 0;
  /** Left for lack of room: displaced, or turned away by admission. */
  keysEvicted = 0;
  keysExpired = 0;
  /** Deleted, cleared, or made void by a set that was dropped. */
  keysDeleted = 0;
  /** An update adds the difference. */
  costAdded = 0;
  costEvicted = 0;
  costExpired = 0;
  costDeleted = 0;
  /** Sets not kept at all, because of their cost or their time to live. */
  setsDropped = 0;
  /** Entries that admission turned away at the end of the window; part of `keysEvicted`. */
  setsRejected = 0;
  readonly lifeExpectancy: LifeExpectancy = new LifeExpectancy();

  /** Counts an entry that left. @param age milliseconds since its fill */
  countRemoval(removal: Exclude<Removal, 'replaced'>, cost: number, age: number): void {
    if (removal === 'expired') {
      this.keysExpired += 1;
      this.costExpired += cost;
    } else if (removal === 'deleted') {
      this.keysDeleted += 1;
      this.costDeleted += cost;
    } else {
      if (removal === 'rejected') this.setsRejected += 1;
      this.keysEvicted += 1;
      this.costEvicted += cost;
      this.lifeExpectancy.observe(age);
    }
  }
}
