/** What waits at a gate. */
export interface Entrant {
  /** Called once, when there is room. */
  start(): void;
}

/**
 * Lets so many in at a time, first come, first served. undici queues too, but what waits there can neither leave nor
 * let go of its body: a request aborted while it waits still takes a connection when its turn comes, and destroys it.
 */
export class Gate {
  private readonly waiting = new Set<Entrant>();
  private room: number;

  constructor(room: number) {
    this.room = room;
  }

  enter(entrant: Entrant): void {
    if (this.room === 0) {
      this.waiting.add(entrant);
      return;
    }
    this.room--;
    entrant.start();
  }

  /** Takes back what still waits; false where it has started already, and then owes a `leave`. */
  withdraw(entrant: Entrant): boolean {
    return this.waiting.delete(entrant);
  }

  leave(): void {
    for (const next of this.waiting) {
      this.waiting.delete(next);
      next.start();
      return;
    }
    this.room++;
  }
}
