import type { RedisClock } from '../../src/redis/clock.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Time that only the test moves; sockets go on as they do. */
export class ManualClock implements RedisClock {
  readonly #timers = new Set<Timer>();
  readonly #epoch: number;
  #now = 0;

  constructor(epoch: number = Date.parse('2026-11-20T12:00:00Z')) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#epoch + this.#now;
  }

  random(): number {
    return 0.5;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Milliseconds until the next timer rings; undefined where none is set. */
  get untilNext(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.at - this.#now;
  }

  /** Lets time pass, ringing what is due in its order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let timer = this.#next(); timer !== undefined && timer.at <= end; timer = this.#next()) {
      this.#now = timer.at;
      this.#timers.delete(timer);
      timer.run();
    }
    this.#now = end;
  }

  /** Lets time pass in one leap, as where the event loop stands still: what is due in it rings at its end. */
  stall(milliseconds: number): void {
    const end = this.#now + milliseconds;
    this.#now = end;
    const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
    for (const timer of due) {
      if (this.#timers.delete(timer)) timer.run();
    }
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
    return next;
  }
}
