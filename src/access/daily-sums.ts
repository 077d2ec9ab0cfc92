const DAY_MS = 86_400_000;

/** The UTC day of a time in milliseconds since the epoch, in days since then. */
export function dayOf(time: number): number {
  return Math.floor(time / DAY_MS);
}

/** What has come together on a day. */
export interface DaySum {
  readonly day: number;
  readonly sum: number;
}

/** Sums by subject, of the latest day alone: the first word of a new one ends those before it. */
export class DailySums {
  #day = 0;
  readonly #sums = new Map<string, number>();

  get(subject: string, day: number): number {
    return day === this.#day ? (this.#sums.get(subject) ?? 0) : 0;
  }

  set(subject: string, { day, sum }: DaySum): void {
    if (day < this.#day) return;
    if (day > this.#day) this.#sums.clear();
    this.#day = day;
    this.#sums.set(subject, sum);
  }

  add(subject: string, { day, sum }: DaySum): void {
    this.set(subject, { day, sum: this.get(subject, day) + sum });
  }

  /** All sums of that day, which then begin anew. */
  take(day: number): readonly (readonly [subject: string, sum: number])[] {
    if (day !== this.#day) return [];
    const taken = [...this.#sums];
    this.#sums.clear();
    return taken;
  }
}
