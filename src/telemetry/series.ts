/** Access to the series of a metric at the cost of one map look-up, and with label values that stay few. */

/** What stands for every value that gets no series of its own. */
export const OTHER = 'other';

/** No label gets more values than this, however much the configuration names or however often it changes. */
const MAX_VALUES = 200;

/** Label values that may have series: those that are known, and of these no more than a bounded number. */
export class LabelValues {
  readonly #isKnown: (value: string) => boolean;
  readonly #seen = new Set<string>();

  constructor(isKnown: (value: string) => boolean) {
    this.#isKnown = isKnown;
  }

  /** The value itself, or `other`. */
  bounded(value: string): string {
    if (this.#seen.has(value)) return value;
    if (this.#seen.size >= MAX_VALUES || !this.#isKnown(value)) return OTHER;
    this.#seen.add(value);
    return value;
  }
}

/**
 * Children of a metric by up to three label values. prom-client hashes and checks an object of labels on each use;
 * here they are found by nested maps.
 */
export class Series<Child> {
  readonly #make: (first: string, second: string, third: string) => Child;
  readonly #children = new Map<string, Map<string, Map<string, Child>>>();

  constructor(make: (first: string, second: string, third: string) => Child) {
    this.#make = make;
  }

  of(first = '', second = '', third = ''): Child {
    const thirds = at(at(this.#children, first, newMap<Map<string, Child>>), second, newMap<Child>);
    return at(thirds, third, () => this.#make(first, second, third));
  }
}

function newMap<T>(): Map<string, T> {
  return new Map();
}

function at<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
