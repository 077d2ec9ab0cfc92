import { hash32 } from './hash.ts';

/** Points of each member: shares differ by about a twelfth (1/√160) between members. */
const POINTS = 160;
/** A point is position × 2^21 + member in one double, which sorts as a number and holds 2^53 exactly. */
const MEMBERS = 2 ** 21;

/**
 * Gives every key an owner such that a member that leaves moves only its own keys and one that comes takes only what is
 * then its own (D. Karger et al., "Consistent hashing and random trees", STOC 1997). Rendezvous hashing keeps the same
 * promise but looks at every member for each key; here a key costs one binary search. A pure function of the members'
 * names: replicas agree without talking.
 */
export class ConsistentHashRing<T> {
  readonly #members: readonly T[];
  readonly #points: Float64Array;
  /** Where the points of each equal share of the circle begin: a search starts near its end, however large the ring. */
  readonly #starts: Uint32Array;
  readonly #shareBits: number;

  constructor(members: readonly T[], nameOf: (member: T) => string) {
    // By name, so that where two points meet the order in which members were given does not decide.
    this.#members = [...members].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    this.#points = new Float64Array(members.length * POINTS);
    for (const [owner, member] of this.#members.entries()) {
      const name = nameOf(member);
      for (let point = 0; point < POINTS; point++) {
        this.#points[owner * POINTS + point] = hash32(`${name}#${point}`) * MEMBERS + owner;
      }
    }
    this.#points.sort();
    this.#shareBits = Math.max(0, Math.floor(Math.log2(this.#points.length / 4)));
    this.#starts = new Uint32Array(2 ** this.#shareBits);
    let point = 0;
    for (let share = 0; share < this.#starts.length; share++) {
      const begin = share * 2 ** (32 - this.#shareBits) * MEMBERS;
      while ((this.#points[point] ?? Number.POSITIVE_INFINITY) < begin) point++;
      this.#starts[share] = point;
    }
  }

  /**
   * The member whose point follows the key's; undefined only without members.
   *
   * @param key a whole number in [0, 2^32)
   */
  owner(key: number): T | undefined {
    const points = this.#points;
    const position = key * MEMBERS;
    let at = this.#starts[Math.floor(key / 2 ** (32 - this.#shareBits))] ?? 0;
    while ((points[at] ?? Number.POSITIVE_INFINITY) < position) at++;
    return this.#members[(points[at === points.length ? 0 : at] ?? 0) % MEMBERS];
  }
}
