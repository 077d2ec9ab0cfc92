import type { Alarm } from './alarm.ts';
import type { Clock } from './clock.ts';

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
const COUNT_TO_HOLD = 2;
/** Marks kept at once; beyond it a 529 is only retried elsewhere. Bounds what invented model names can take. */
const MOST = 1_000;

interface Mark {
  until: number;
  /** 529s in a row, each after the mark of the one before had ended. */
  count: number;
}

/**
 * Which models are overloaded in which regions (HTTP 529). It is the model's capacity there that is short, for every
 * account alike, and no account's nor endpoint's fault (reference: peers 3.9), so nothing else is set aside.
 *
 * Calls go to other regions from the first 529 on. But where there is none it may have been a stray one, for which nobody
 * else should wait: calls are held back only when the next 529 comes after the mark had ended, and no answer in between.
 */
export class Overloads {
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #ended: () => void;
  readonly #byModel = new Map<string, Map<string, Mark>>();
  #size = 0;

  /** @param ended called when a mark ends */
  constructor(clock: Clock, alarm: Alarm, ended: () => void) {
    this.#clock = clock;
    this.#alarm = alarm;
    this.#ended = ended;
  }

  /** @returns for how long the model is now set aside there, in milliseconds */
  mark(region: string, model: string, milliseconds: number | undefined): number {
    const now = this.#clock.now();
    const regions = this.#byModel.get(model) ?? new Map<string, Mark>();
    let mark = regions.get(region);
    if (mark === undefined) {
      if (this.#size >= MOST) return 0;
      this.#size++;
      mark = { until: 0, count: 0 };
      this.#byModel.set(model, regions.set(region, mark));
    }
    if (mark.until <= now) mark.count++;
    const grown = Math.min(FIRST_MS * 2 ** (mark.count - 1), LONGEST_MS);
    const until = now + (milliseconds ?? grown);
    if (until > mark.until) {
      mark.until = until;
      this.#alarm.at(until, () => this.#ended());
      // The count outlives the mark by as long again, so that an overload that goes on is met with longer marks.
      this.#alarm.at(until + LONGEST_MS, () => this.#forget(region, model));
    }
    return mark.until - now;
  }

  /** An answer came: the next 529 is the first again. */
  succeeded(region: string, model: string): void {
    const mark = this.#byModel.get(model)?.get(region);
    if (mark !== undefined) mark.count = 0;
  }

  /** Whether anything is marked for the model, so that most calls need not look further. */
  touches(model: string): boolean {
    return this.#size > 0 && this.#byModel.has(model);
  }

  /** Until when the model is set aside in the region; 0 when it is not. */
  until(region: string, model: string): number {
    const until = this.#byModel.get(model)?.get(region)?.until ?? 0;
    return until > this.#clock.now() ? until : 0;
  }

  /** Until when not even calls that could go nowhere else are sent there; 0 when they are. */
  heldUntil(region: string, model: string): number {
    const mark = this.#byModel.get(model)?.get(region);
    return mark !== undefined && mark.count >= COUNT_TO_HOLD ? this.until(region, model) : 0;
  }

  /** What is set aside now, and for how many milliseconds yet. Marks are remembered for longer, so that they can grow. */
  active(): { region: string; model: string; milliseconds: number }[] {
    const now = this.#clock.now();
    return [...this.#byModel].flatMap(([model, regions]) =>
      [...regions].flatMap(([region, { until }]) =>
        until > now ? [{ region, model, milliseconds: until - now }] : [],
      ),
    );
  }

  #forget(region: string, model: string): void {
    const regions = this.#byModel.get(model);
    const mark = regions?.get(region);
    if (regions === undefined || mark === undefined || mark.until + LONGEST_MS > this.#clock.now()) return;
    regions.delete(region);
    this.#size--;
    if (regions.size === 0) this.#byModel.delete(model);
  }
}
