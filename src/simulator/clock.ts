/** Where the simulator takes time from; tests hand in one that they move themselves. */
export interface Clock {
  /** Milliseconds since the Unix epoch, with fractions; must not go backwards. */
  readonly now: () => number;
  /** Calls back once, after that many milliseconds; the function it returns calls it off. */
  readonly schedule: (callback: () => void, delay: number) => () => void;
}

/** Real time, monotonic: a step of the wall clock must not fill or empty a rate-limit bucket. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  schedule: (callback, delay) => {
    const timer = setTimeout(callback, delay);
    return () => clearTimeout(timer);
  },
};
