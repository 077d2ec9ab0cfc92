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

  /** What all these values are shown as. */
  allBounded(values: readonly string[]): ReadonlySet<string> {
    return new Set(values.map((value) => this.bounded(value)));
  }
}
