/** One of several answers to the same request that are under way. */
export interface Runner {
  readonly key: string;
  /** Whether the answer to a request that was made later has been kept. */
  isBeaten: boolean;
}

/** Which of the answers under way for the same request may still be kept: none after one that was asked for later. */
export class Races {
  /** By key, in the order in which they were asked for. */
  readonly #runners = new Map<string, Set<Runner>>();

  /** An answer is asked for. Call `leave` when it is over, whichever way it ends. */
  enter(key: string): Runner {
    const runner = { key, isBeaten: false };
    const runners = this.#runners.get(key);
    if (runners === undefined) this.#runners.set(key, new Set([runner]));
    else runners.add(runner);
    return runner;
  }

  /** Whether the answer may be kept; those that were asked for before it may not any more. */
  arrive(runner: Runner): boolean {
    if (runner.isBeaten) return false;
    for (const other of this.#runners.get(runner.key) ?? []) {
      if (other === runner) break;
      other.isBeaten = true;
    }
    return true;
  }

  leave(runner: Runner): void {
    const runners = this.#runners.get(runner.key);
    runners?.delete(runner);
    if (runners?.size === 0) this.#runners.delete(runner.key);
  }
}
