import type { Clock } from './clock.ts';
import { Heap, type HeapNode } from './heap.ts';

/** Something to run at a time; lies in the alarm's heap until it rings or is called off. */
export class Ring implements HeapNode {
  heapIndex = -1;
  time: number;
  readonly run: () => void;

  constructor(time: number, run: () => void) {
    this.time = time;
    this.run = run;
  }
}

/**
 * Many moments, one timer: cool-downs, refills and the patience of waiting calls would otherwise each hold a timer of
 * their own, thousands of them exactly when the relay is busiest.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #rings = new Heap<Ring>((a, b) => a.time < b.time);
  #armedFor = Number.POSITIVE_INFINITY;
  #disarm: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param time on the clock's monotonic scale; a time in the past rings as soon as possible, never at once */
  at(time: number, run: () => void): Ring {
    const ring = new Ring(time, run);
    this.#rings.push(ring);
    this.#arm();
    return ring;
  }

  /** Without effect on a ring that rang already. While others are left the timer is too: to ring for nobody costs less. */
  cancel(ring: Ring): void {
    this.#rings.remove(ring);
    if (this.#rings.peek() === undefined) this.#rest();
  }

  close(): void {
    this.#rings.clear();
    this.#rest();
  }

  #rest(): void {
    this.#disarm();
    this.#disarm = () => {};
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const next = this.#rings.peek();
    if (next === undefined || next.time >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = next.time;
    // Rounded up, since Node's timers count whole milliseconds and may otherwise ring a fraction too early.
    const wait = Math.max(0, Math.ceil(next.time - this.#clock.now()));
    this.#disarm = this.#clock.after(wait, () => this.#ring());
  }

  #ring(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (let ring = this.#rings.peek(); ring !== undefined && ring.time <= now; ring = this.#rings.peek()) {
      this.#rings.remove(ring);
      ring.run();
    }
    this.#arm();
  }
}
