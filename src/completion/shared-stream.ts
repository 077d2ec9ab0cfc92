import type { Settlement, StreamEvent } from './reply.ts';

type Outcome = Settlement['outcome'];

/** Bounds what histories hold in all, so that many long answers under way cannot fill the memory. */
export class HistoryBudget {
  private readonly capacity: number;
  private used = 0;

  /** @param capacity bytes */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  take(bytes: number): boolean {
    if (this.used + bytes > this.capacity) return false;
    this.used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }
}

/** What one retained event costs beside its text. */
const EVENT_OVERHEAD = 64;
const TRIM_STEP = 64;

/**
 * One stream of events for several readers. Each reads all of it from the first event, at its own pace; the source is
 * read no faster than the fastest reader reads. What has come is kept for readers who join later, while the budget
 * allows; then nobody can join any more, and only what some reader has not read yet is kept.
 */
export class SharedStream {
  private readonly source: AsyncIterator<StreamEvent>;
  private readonly budget: HistoryBudget;
  private readonly readers = new Set<Reader>();
  private history: StreamEvent[] = [];
  /** Place in the stream of the first event in `history`. */
  private base = 0;
  private retained = 0;
  private pulling = false;
  private open = true;
  private end: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterable<StreamEvent>, budget: HistoryBudget) {
    this.source = source[Symbol.asyncIterator]();
    this.budget = budget;
  }

  /** Whether a new reader would get the whole stream. */
  get joinable(): boolean {
    return this.open && this.end === undefined;
  }

  /** Whether the source has ended, well or not. */
  get ended(): boolean {
    return this.end !== undefined;
  }

  /**
   * A reader of the whole stream. `signal` ends its waiting with the signal's reason; `over` is told once how the
   * reading ended.
   */
  read(signal: AbortSignal, over: (outcome: Outcome) => void): AsyncIterableIterator<StreamEvent> {
    const reader = new Reader(this, signal, over);
    this.readers.add(reader);
    return reader;
  }

  /** The event at a place, `'end'`, or undefined where it has not come. Throws what the source threw. */
  at(place: number): StreamEvent | 'end' | undefined {
    const event = this.history[place - this.base];
    if (event !== undefined) return event;
    if (this.end === undefined) return undefined;
    if (this.end.error !== undefined) throw this.end.error;
    return 'end';
  }

  /** Reads on in the source; readers that wait are woken. */
  pull(): void {
    if (this.pulling || this.end !== undefined) return;
    this.pulling = true;
    this.source.next().then(
      (result) => {
        this.pulling = false;
        if (result.done === true) this.finish(undefined);
        else this.take(result.value);
      },
      (error: unknown) => this.finish(error),
    );
  }

  /** Lets go of what no reader needs any more. */
  trim(): void {
    if (this.open) return;
    let needed = Number.POSITIVE_INFINITY;
    for (const reader of this.readers) needed = Math.min(needed, reader.place);
    const excess = Math.min(needed - this.base, this.history.length);
    // In steps: taking single events off the front of a long array would copy it each time.
    if (excess >= TRIM_STEP || excess === this.history.length) {
      this.history.splice(0, excess);
      this.base += excess;
    }
  }

  leave(reader: Reader): void {
    this.readers.delete(reader);
    this.trim();
  }

  private take(event: StreamEvent): void {
    this.history.push(event);
    if (this.open) {
      const bytes = event.data.length + EVENT_OVERHEAD;
      if (this.budget.take(bytes)) this.retained += bytes;
      else this.closeHistory();
    }
    this.wake();
  }

  private finish(error: unknown): void {
    this.pulling = false;
    this.end = { error };
    this.closeHistory();
    this.wake();
  }

  private closeHistory(): void {
    this.open = false;
    this.budget.give(this.retained);
    this.retained = 0;
  }

  private wake(): void {
    for (const reader of this.readers) reader.wake();
    this.trim();
  }
}

type Result = IteratorResult<StreamEvent, undefined>;

class Reader implements AsyncIterableIterator<StreamEvent, undefined> {
  place = 0;
  private readonly stream: SharedStream;
  private readonly signal: AbortSignal;
  private waiting: { resolve: (result: Result) => void; reject: (error: unknown) => void } | undefined;
  private left = false;
  private readonly over: (outcome: Outcome) => void;
  private readonly onAbort = (): void => {
    const { waiting } = this;
    this.leave('abandoned');
    waiting?.reject(this.signal.reason);
  };

  constructor(stream: SharedStream, signal: AbortSignal, over: (outcome: Outcome) => void) {
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
      this.leave('failed');
      waiting.reject(thrown);
    }
  }

  private leave(outcome: Outcome): void {
    this.waiting = undefined;
    if (this.left) return;
    this.left = true;
    this.signal.removeEventListener('abort', this.onAbort);
    this.stream.leave(this);
    this.over(outcome);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
