import { asRelayError, type RelayError } from './errors.ts';
import type { Settlement, StreamEvent } from './reply.ts';

type Outcome = Settlement['outcome'];

/** Told once how one reader's reading ended; the error where it failed. */
export type Over = (outcome: Outcome, error?: RelayError) => void;

/** What a reader reads from. */
export interface Shared {
  /** The event at a place, `'end'`, or undefined where it has not come. Throws what the source threw. */
  at(place: number): StreamEvent | 'end' | undefined;
  /** Reads on in the source; readers that wait are woken. */
  pull(): void;
  leave(reader: Reader): void;
}

type Result = IteratorResult<StreamEvent, undefined>;

/** One reading of a shared stream, at its own pace. */
export class Reader implements AsyncIterableIterator<StreamEvent, undefined> {
  /** Place in the stream of the event that it gets next. */
  place = 0;
  private readonly stream: Shared;
  private readonly signal: AbortSignal;
  private waiting: { resolve: (result: Result) => void; reject: (error: unknown) => void } | undefined;
  private left = false;
  /** Why it lost its place, until it is told. */
  private failure: RelayError | undefined;
  private readonly over: Over;
  private readonly onAbort = (): void => this.abort();

  constructor(stream: Shared, signal: AbortSignal, over: Over) {
    this.stream = stream;
    this.over = over;
    this.signal = signal;
    signal.addEventListener('abort', this.onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.signal.aborted) return Promise.reject(asError(this.signal.reason));
    const { failure } = this;
    if (failure !== undefined) {
      this.failure = undefined;
      return Promise.reject(failure);
    }
    if (this.left) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.wake();
      if (this.waiting !== undefined) this.stream.pull();
    });
  }

  return(): Promise<Result> {
    const { waiting } = this;
    this.leave('abandoned');
    waiting?.resolve({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The signal has aborted. */
  abort(): void {
    const { waiting } = this;
    this.leave('abandoned');
    waiting?.reject(this.signal.reason);
  }

  /** Ends the reading with an error: now, or when it reads on. */
  fail(error: RelayError): void {
    const { waiting } = this;
    if (waiting === undefined) this.failure = error;
    this.leave('failed', error);
    waiting?.reject(error);
  }

  /** Gives the next event to whoever waits for it, if it is there. */
  wake(): void {
    const { waiting } = this;
    if (waiting === undefined) return;
    try {
      const event = this.stream.at(this.place);
      if (event === undefined) return this.stream.pull();
      this.waiting = undefined;
      if (event === 'end') {
        this.leave('delivered');
        return waiting.resolve({ done: true, value: undefined });
      }
      this.place += 1;
      waiting.resolve({ done: false, value: event });
    } catch (thrown) {
      this.leave('failed', asRelayError(thrown));
      waiting.reject(thrown);
    }
  }

  private leave(outcome: Outcome, error?: RelayError): void {
    this.waiting = undefined;
    if (this.left) return;
    this.left = true;
    this.signal.removeEventListener('abort', this.onAbort);
    this.stream.leave(this);
    this.over(outcome, error);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
