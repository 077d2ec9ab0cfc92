import { FairQueue, type Waiting } from './fair-queue.ts';

export type Priority = 'interactive' | 'background';

/** One that waits, and with what right. */
export interface Prioritized extends Waiting {
  readonly priority: Priority;
}

/** Of so many served while background waits, one is background: it comes last, but it comes. */
const BACKGROUND_TURN = 8;

/**
 * The bounded queue: interactive before background, without starving it, and within each fair among tenants. When it is
 * full, whoever would be served last gives way, so that no tenant can keep others out by filling it.
 */
export class WaitingRoom<T extends Prioritized> {
  readonly #maxLength: number;
  readonly #queues: Readonly<Record<Priority, FairQueue<T>>> = {
    interactive: new FairQueue<T>(),
    background: new FairQueue<T>(),
  };
  #sinceBackground = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get length(): number {
    return this.#queues.interactive.length + this.#queues.background.length;
  }

  lengthOf(priority: Priority): number {
    return this.#queues[priority].length;
  }

  /** Lets one in. Returns who must leave for it, possibly itself, and is out already; undefined when there was room. */
  enter(waiting: T): T | undefined {
    this.#queues[waiting.priority].push(waiting);
    if (this.length <= this.#maxLength) return undefined;
    const last = this.#queues.background.last() ?? this.#queues.interactive.last() ?? waiting;
    this.leave(last);
    return last;
  }

  next(blocked: ReadonlySet<string>): T | undefined {
    const interactive = this.#queues.interactive.next(blocked);
    const background = this.#queues.background.next(blocked);
    if (interactive === undefined || background === undefined) return interactive ?? background;
    return this.#sinceBackground >= BACKGROUND_TURN - 1 ? background : interactive;
  }

  serve(waiting: T): void {
    this.#sinceBackground = waiting.priority === 'background' ? 0 : this.#sinceBackground + 1;
    this.#queues[waiting.priority].serve(waiting);
  }

  leave(waiting: T): void {
    this.#queues[waiting.priority].remove(waiting);
  }

  regroup(groupOf: (waiting: T) => string): void {
    this.#queues.interactive.regroup(groupOf);
    this.#queues.background.regroup(groupOf);
  }

  /** All who wait, as of now. */
  get all(): T[] {
    return [...this.#queues.interactive, ...this.#queues.background];
  }
}
