import type { Clock } from '../../src/simulator/clock.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now = Date.parse('2026-11-20T10:00:00Z');
  readonly #timers = new Set<Timer>();
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly schedule = (callback: () => void, delay: number): (() => void) => {
    const timer = { at: this.#now + delay, callback };
    this.#timers.add(timer);
    this.#wake();
    return () => this.#timers.delete(timer);
  };

  /** Moves on, and lets everything happen that becomes due, in order. */
  advance(milliseconds: number): void {
    const target = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= target).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = target;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Resolves once so many timers wait. */
  async waitingFor(count: number): Promise<void> {
    if (this.#timers.size >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  #wake(): void {
    for (const waiter of this.#waiting.splice(0)) {
      if (this.#timers.size >= waiter.count) waiter.resolve();
      else this.#waiting.push(waiter);
    }
  }
}
