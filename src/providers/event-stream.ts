import { RelayError } from '../completion/errors.ts';
import { OutputMeter } from '../completion/output-meter.ts';
import type { Settlement, StreamEvent } from '../completion/reply.ts';
import { EventReader } from './event-reader.ts';
import type { Flow, Sink } from './flow.ts';

export interface EventStreamOptions {
  readonly flow: Flow;
  /** Bytes after which the stream is cut. */
  readonly maxBytes: number;
  /** After so long (at most twice) in which nobody reads what waits, the stream counts as abandoned. Milliseconds. */
  readonly stallMs: number;
  /** Milliseconds of any one clock. */
  readonly now: () => number;
  /** The most output that the request allows. */
  readonly maxTokens: number;
  /** Words what went wrong: what the event reader threw, or the connection's error; undefined for an early end. */
  readonly explain: (cause: unknown) => RelayError;
  readonly tooLarge: () => RelayError;
  /** Called once. */
  readonly settle: (settlement: Settlement) => void;
}

/** Above this much waiting the connection is paused, and below a quarter of it let go on. In UTF-16 units. */
const QUEUE_LIMIT = 32 * 1024;

/** What a waiting event takes besides its text. */
const EVENT_OVERHEAD = 64;

/** Bytes after `message_stop` that are worth waiting for, to keep the connection: line ends, the end of a compression. */
const TRAILING_BYTES = 1024;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The events of one answer, from the connection to one reader. Events that came before a break are delivered before its
 * error; only a call that was given up ends at once. Written by hand, as a generator would cost as much as the parsing.
 */
export class EventStream implements Sink, AsyncIterableIterator<StreamEvent, undefined> {
  private readonly options: EventStreamOptions;
  private readonly meter: OutputMeter;
  private readonly reader = new EventReader((event, payload) => {
    this.meter.observe(event.type, payload);
    this.deliver(event);
  });
  private readonly queue: StreamEvent[] = [];
  private queued = 0;
  private bytesLeft: number;
  private paused = false;
  private stall: NodeJS.Timeout | undefined;
  private readSinceStall = false;
  private waiting: PromiseWithResolvers<IteratorResult<StreamEvent, undefined>> | undefined;
  /** Why nothing more comes from upstream; undefined while it may. */
  private ending: 'complete' | RelayError | undefined;
  /** The reader has been told that it is over, or went away. */
  private over = false;
  private settled = false;

  constructor(options: EventStreamOptions) {
    this.options = options;
    this.meter = new OutputMeter(options.now);
    this.bytesLeft = options.maxBytes;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // The connection's side

  write(chunk: Buffer): void {
    const within = chunk.length <= this.bytesLeft ? chunk : chunk.subarray(0, this.bytesLeft);
    this.bytesLeft -= chunk.length;
    if (this.ending !== undefined) {
      if (this.bytesLeft < 0) this.options.flow.stop(new Error('The upstream goes on after message_stop'));
      return;
    }
    if (!this.advance(() => this.reader.feed(within))) return;
    if (this.bytesLeft < 0) {
      this.breakOff(this.options.tooLarge());
    } else if (this.queued > QUEUE_LIMIT && !this.paused) {
      this.paused = true;
      this.options.flow.pause();
      this.awaitReader();
    }
  }

  end(): void {
    if (this.ending !== undefined) return;
    if (this.advance(() => this.reader.end())) this.breakOff(this.options.explain(undefined));
  }

  fail(error: Error): void {
    if (this.ending === undefined) this.breakOff(this.options.explain(error));
  }

  cancel(reason: RelayError): void {
    if (this.over) return;
    this.drop();
    this.ending = reason;
    this.options.flow.stop(reason);
    // An attempt that ran into its own time limit is aborted too, and speaks against the upstream.
    this.finish(reason.fault === 'upstream' ? 'failed' : 'abandoned', reason);
    this.tellWaiting();
  }

  /** Whether more may come. */
  private advance(step: () => void): boolean {
    try {
      step();
    } catch (thrown) {
      this.breakOff(this.options.explain(thrown));
      return false;
    }
    if (this.reader.complete) this.complete();
    return this.ending === undefined;
  }

  private deliver(event: StreamEvent): void {
    if (this.waiting === undefined) {
      this.queue.push(event);
      this.queued += event.data.length + EVENT_OVERHEAD;
      return;
    }
    const { resolve } = this.waiting;
    this.waiting = undefined;
    resolve({ done: false, value: event });
  }

  private complete(): void {
    if (this.ending !== undefined) return;
    this.ending = 'complete';
    this.bytesLeft = TRAILING_BYTES;
    this.unpause();
    if (this.queue.length === 0) this.finish('delivered');
    else this.awaitReader();
    this.tellWaiting();
  }

  private breakOff(error: RelayError): void {
    this.ending = error;
    this.options.flow.stop(error);
    this.finish('failed', error);
    this.tellWaiting();
  }

  // The reader's side

  next(): Promise<IteratorResult<StreamEvent, undefined>> {
    const event = this.queue.shift();
    if (event !== undefined) {
      this.taken(event);
      return Promise.resolve({ done: false, value: event });
    }
    if (this.ending !== undefined || this.over) return this.last();
    if (this.waiting !== undefined) return this.waiting.promise.then(() => this.next());
    this.waiting = Promise.withResolvers();
    return this.waiting.promise;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.drop();
    if (this.ending === undefined) {
      const reason = new RelayError('CANCELLED', 'The reader of the answer went away.');
      this.ending = reason;
      this.options.flow.stop(reason);
    }
    this.finish('abandoned');
    this.over = true;
    this.tellWaiting();
    return Promise.resolve(DONE);
  }

  private taken(event: StreamEvent): void {
    this.queued -= event.data.length + EVENT_OVERHEAD;
    this.readSinceStall = true;
    if (this.queue.length === 0 && this.ending === 'complete') this.finish('delivered');
    if (this.queued < QUEUE_LIMIT / 4) this.unpause();
  }

  private unpause(): void {
    if (!this.paused) return;
    this.paused = false;
    clearTimeout(this.stall);
    this.options.flow.resume();
  }

  /** How it ends for the reader: its error once, then done. */
  private last(): Promise<IteratorReturnResult<undefined>> {
    const error = this.over ? undefined : this.ending;
    this.over = true;
    return error instanceof RelayError ? Promise.reject(error) : Promise.resolve(DONE);
  }

  private tellWaiting(): void {
    const waiting = this.waiting;
    if (waiting === undefined) return;
    this.waiting = undefined;
    waiting.resolve(this.last());
  }

  private drop(): void {
    this.queue.length = 0;
    this.queued = 0;
  }

  private awaitReader(): void {
    if (this.settled) return;
    this.readSinceStall = false;
    clearTimeout(this.stall);
    this.stall = setTimeout(() => {
      if (this.readSinceStall) this.awaitReader();
      else this.cancel(new RelayError('CANCELLED', 'Nobody read the answer.'));
    }, this.options.stallMs).unref();
  }

  private finish(outcome: Settlement['outcome'], error?: RelayError): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.stall);
    const { usage, stopReason } = this.reader;
    this.options.settle({
      outcome,
      usage: outcome === 'delivered' ? usage : this.meter.complete(usage, this.options.maxTokens),
      ...(error !== undefined && { error }),
      ...(stopReason !== undefined && { stopReason }),
    });
  }
}
