/**
 * Requests on their way in. HTTP/2 lets one connection begin a thousand calls, each of which may send nearly all of a
 * request and then wait: what has arrived of all of them together, and for how long each may take, is bounded here.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { RelayError } from '../completion/errors.ts';
import type { Clock } from './clock.ts';
import { LinkedSet } from './linked-set.ts';

export interface IntakeOptions {
  /** Bytes that requests still arriving may hold together; never less than one request may have. */
  readonly maxBytes: number;
  /** How long one request may take to arrive, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

interface Arrival {
  bytes: number;
  readonly end: (error: RelayError) => void;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #arrivals = new LinkedSet<Arrival>();
  #bytes = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /**
   * Watches a request arrive, until the function that it returns is called. `end` is told if it takes too long, or if
   * all that arrive hold too much and it has been on its way longest: honest requests pass in a moment, so the oldest is
   * the likeliest to be held back on purpose.
   */
  watch(stream: ServerHttp2Stream | undefined, end: (error: RelayError) => void): () => void {
    const { clock, timeoutMs } = this.#options;
    const leave = this.watchBytes(stream, end);
    const cancelTimer = clock.after(timeoutMs, () => end(tooSlow(timeoutMs)));
    return () => {
      cancelTimer();
      leave();
    };
  }

  /** The same for as long as it takes: for streams on which the next request may come at any time. */
  watchBytes(stream: ServerHttp2Stream | undefined, end: (error: RelayError) => void): () => void {
    const arrival: Arrival = { bytes: 0, end };
    const count = (chunk: Buffer): void => this.#add(arrival, chunk.length);
    const member = this.#arrivals.add(arrival);
    stream?.on('data', count);
    return () => {
      stream?.off('data', count);
      if (this.#arrivals.delete(member)) this.#bytes -= arrival.bytes;
    };
  }

  #add(arrival: Arrival, bytes: number): void {
    arrival.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#options.maxBytes) {
      const { oldest } = this.#arrivals;
      if (oldest === undefined) return;
      this.#arrivals.delete(oldest);
      this.#bytes -= oldest.value.bytes;
      oldest.value.end(crowdedOut());
    }
  }
}

function tooSlow(timeoutMs: number): RelayError {
  return new RelayError(
    'DEADLINE_EXCEEDED',
    `The request did not arrive within ${timeoutMs / 1000} s. Send it in one go, or a smaller one.`,
  );
}

function crowdedOut(): RelayError {
  return new RelayError(
    'DEADLINE_EXCEEDED',
    'More requests arrive at once than this relay holds, and this one has been on its way longest. Send it again.',
  );
}
