import type { Service } from '../completion/service.ts';

/** One endpoint of an upstream dialect: the service that ends the line, and what it holds open. */
export interface Provider {
  readonly send: Service;
  /** Refuses new calls, waits until those under way have ended, and closes every connection. */
  readonly close: () => Promise<void>;
}

/** Time, handed in. */
export interface Clock {
  /** Milliseconds on the scale of `performance.now()`, for durations. */
  readonly now: () => number;
  /** Milliseconds since the epoch, for HTTP dates and signatures. */
  readonly epoch: () => number;
}
