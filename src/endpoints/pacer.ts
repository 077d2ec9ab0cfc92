import type { Alarm, Ring } from './alarm.ts';
import type { Clock } from './clock.ts';
import { type Amounts, LimitSet, type LimitState } from './limit-set.ts';
import type { ToldLimit } from './rate-limit-headers.ts';

/** What a pacer needs of the pool it belongs to. */
export interface PacerSurroundings {
  readonly clock: Clock;
  readonly alarm: Alarm;
  /** Burst of learned limits, in milliseconds of even flow. */
  readonly burstMs: number;
  /** Called after the pacer closed or opened, and when the time until which it is closed changed. */
  readonly changed: (pacer: Pacer) => void;
}

/** The sets from which a call took what it needs, to be handed back with `release`. */
export type Reservation = readonly LimitSet[];

/** First cool-down after a 429 that names no wait; doubles with each further one in a row. */
const FIRST_COOL_DOWN_MS = 1_000;
const LONGEST_COOL_DOWN_MS = 60_000;

/**
 * Paces one model class of one organization, the unit in which the upstream limits: calls pass when every bucket,
 * configured or learned, has room and no cool-down runs. A call that does not fit closes the pacer until it would, so that
 * smaller calls behind it cannot keep it waiting for ever, and so that nobody asks again in vain.
 */
export class Pacer {
  readonly modelClass: string;
  /** Time until which nothing passes, on the clock's monotonic scale; 0 while open, Infinity while all permits are out. */
  closedUntil = 0;
  /** Calls sent and not settled. */
  inFlight = 0;
  readonly #surroundings: PacerSurroundings;
  #configured: readonly LimitSet[];
  #learned: LimitSet | undefined;
  #sets: readonly LimitSet[];
  #coolUntil = 0;
  #refusals = 0;
  #misfit: Amounts | undefined;
  #ring: Ring | undefined;

  /** @param configured the configured sets that bind this class, possibly shared with other pacers */
  constructor(modelClass: string, configured: readonly LimitSet[], surroundings: PacerSurroundings) {
    this.modelClass = modelClass;
    this.#surroundings = surroundings;
    this.#configured = configured;
    this.#sets = configured;
  }

  /** Takes other configured limits; what was learned, and a running cool-down, stay. */
  bind(configured: readonly LimitSet[]): void {
    this.#configured = configured;
    this.#sets = this.#learned === undefined ? configured : [...configured, this.#learned];
    this.forgetMisfit();
  }

  get open(): boolean {
    return this.closedUntil === 0;
  }

  /** Milliseconds until the running cool-down ends; 0 without one. */
  get coolingFor(): number {
    return Math.max(0, this.#coolUntil - this.#surroundings.clock.now());
  }

  /** Takes what the call needs from every bucket, or from none: then the pacer is closed until it fits. */
  reserve(cost: Amounts, now: number): Reservation | undefined {
    if (now < this.#coolUntil || this.#waitFor(cost, now) > 0) {
      this.#misfit = cost;
      this.refresh();
      return undefined;
    }
    for (const set of this.#sets) set.take(cost, now);
    this.inFlight++;
    return this.#sets;
  }

  /** Ends a reservation. Whoever gives back says what was used. */
  release(reservation: Reservation, taken: Amounts, used: Amounts): void {
    for (const set of reservation) set.release(taken, used);
    this.inFlight--;
    if (!this.open) this.refresh();
  }

  /** Opens again for others when the call that did not fit here was served elsewhere. */
  forgetMisfit(): void {
    this.#misfit = undefined;
    this.refresh();
  }

  /** Nothing passes for so long. A new cool-down never shortens the one that runs. */
  coolDown(milliseconds: number | undefined): number {
    const { clock } = this.#surroundings;
    const doubled = Math.min(FIRST_COOL_DOWN_MS * 2 ** this.#refusals, LONGEST_COOL_DOWN_MS);
    // Refusals of calls that were under way together are one refusal.
    if (this.#coolUntil <= clock.now()) this.#refusals++;
    this.#coolUntil = Math.max(this.#coolUntil, clock.now() + (milliseconds ?? doubled));
    this.refresh();
    return this.coolingFor;
  }

  /** An answer came: the next refusal is the first again. */
  succeeded(): void {
    this.#refusals = 0;
  }

  learn(told: readonly ToldLimit[]): void {
    if (told.length === 0) return;
    if (this.#learned === undefined) {
      this.#learned = new LimitSet({}, this.#surroundings.burstMs);
      this.#sets = [...this.#configured, this.#learned];
    }
    for (const limit of told) this.#learned.learn(limit, this.#surroundings.clock.now());
  }

  limits(): LimitState[] {
    const now = this.#surroundings.clock.now();
    return this.#sets.flatMap((set) => set.state(now));
  }

  /** Works out anew until when it is closed. */
  refresh(): void {
    const { clock, alarm } = this.#surroundings;
    const now = clock.now();
    const misfits = this.#misfit === undefined ? 0 : this.#waitFor(this.#misfit, now);
    const until = Math.max(misfits > 0 ? now + misfits : 0, this.#coolUntil > now ? this.#coolUntil : 0);
    if (until === 0) this.#misfit = undefined;
    if (until === this.closedUntil) return;
    this.closedUntil = until;
    if (this.#ring !== undefined) alarm.cancel(this.#ring);
    this.#ring = until > 0 && until < Number.POSITIVE_INFINITY ? alarm.at(until, () => this.refresh()) : undefined;
    this.#surroundings.changed(this);
  }

  /** Stops its timer; for a pacer that is no longer used. */
  close(): void {
    if (this.#ring !== undefined) this.#surroundings.alarm.cancel(this.#ring);
  }

  #waitFor(cost: Amounts, now: number): number {
    let wait = 0;
    for (const set of this.#sets) wait = Math.max(wait, set.waitFor(cost, now));
    return wait;
  }
}
