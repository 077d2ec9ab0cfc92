/** Time and chance, handed in so that tests own both. */
export interface Clock {
  /** Monotonic milliseconds, on the scale of `Call.deadline` (`performance.now()`). */
  now(): number;
  /** Milliseconds since the epoch, for what the upstream dates by the calendar. */
  wallNow(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs once after so many milliseconds; the returned function calls it off. */
  after(milliseconds: number, run: () => void): () => void;
}

/** The longest that Node's timers hold; whoever needs longer looks again when it rings. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  random: () => Math.random(),
  after(milliseconds, run) {
    const timer = setTimeout(run, Math.min(milliseconds, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};
