/** One of several answers to the same request that are under way. */
export interface Runner {
  readonly key: string;
  /** Whether the answer to a request that was made later has been kept. */
  isBeaten: boolean;
  /** Who was asked before and is still under way. */
  earlier: Runner | undefined;
}

/** Which of the answers under way for the same request may still be kept: none after one that was asked for later. */
export class Races {
  /** By key, the one that was asked for last. */
  readonly #latest = new Map<string, Runner>();

  /** An answer is asked for. Call `leave` when it is over, whichever way it ends. */
  enter(key: string): Runner {
    const runner = { key, isBeaten: false, earlier: this.#latest.get(key) };
    this.#latest.set(key, runner);
    return runner;
  }

  /** Whether the answer may be kept; those that were asked for before it may not any more. */
  arrive(runner: Runner): boolean {
    if (runner.isBeaten) return false;
    for (let { earlier } = runner; earlier !== undefined; { earlier } = earlier) earlier.isBeaten = true;
    return true;
  }

  leave(runner: Runner): void {
    const { key, earlier } = runner;
    const latest = this.#latest.get(key);
    if (latest !== runner) {
      let later = latest;
      while (later !== undefined && later.earlier !== runner) later = later.earlier;
      if (later !== undefined) later.earlier = earlier;
    } else if (earlier === undefined) {
      this.#latest.delete(key);
    } else {
      this.#latest.set(key, earlier);
    }
    runner.earlier = undefined;
  }
}
