/** Sends the events of an answer to a streaming caller: in order, as they come, no faster than it reads. */
import { asRelayError, type Reason, RelayError } from '../completion/errors.ts';
import type { StreamEvent } from '../completion/reply.ts';
import type { Clock } from './clock.ts';
import { Delivered } from './delivered.ts';
import type { EdgeCall } from './edge-call.ts';
import type { RelayInfo } from './relay-info.ts';

/** Meshes and load balancers cut streams that are silent for a minute or less; a thinking model is silent for longer. */
const PING_AFTER_MS = 15_000;
const PING: StreamEvent = { type: 'ping', data: '{"type":"ping"}' };

/** Encodes the events of one stream; undefined where there is nothing to send yet. */
export interface StreamEncoder {
  readonly encode: (event: StreamEvent, info?: RelayInfo) => Buffer | undefined;
}

export interface DeliveryOptions {
  /** With this many bytes ready, they are sent without waiting for more. */
  readonly flushBytes: number;
  /** How long smaller amounts may wait for more, in milliseconds; 0 sends each event at once. */
  readonly flushIntervalMs: number;
}

/** What an upstream failure becomes once its caller has content: no retry can take that back. */
const INTERRUPTIONS: ReadonlySet<Reason> = new Set<Reason>([
  'STREAM_INTERRUPTED',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_OVERLOADED',
  'UPSTREAM_CREDENTIALS',
  'RATE_LIMITED',
]);

/**
 * One stream on its way out. It begins before its answer does, so that pings also bridge the wait for the first event;
 * `close` it on every path.
 */
export class Delivery {
  readonly #call: EdgeCall;
  readonly #encoder: StreamEncoder;
  readonly #info: () => RelayInfo;
  readonly #options: DeliveryOptions;
  readonly #clock: Clock;
  readonly #delivered = new Delivered();
  readonly #ready: Buffer[] = [];
  #readyBytes = 0;
  #hasBegun = false;
  #hasPinged = false;
  #lastSent: number;
  #cancelPing: () => void;
  #cancelFlush: (() => void) | undefined;

  constructor(call: EdgeCall, encoder: StreamEncoder, info: () => RelayInfo, options: DeliveryOptions, clock: Clock) {
    this.#call = call;
    this.#encoder = encoder;
    this.#info = info;
    this.#options = options;
    this.#clock = clock;
    this.#lastSent = clock.now();
    this.#cancelPing = clock.after(PING_AFTER_MS, () => this.#pingIfSilent());
  }

  /**
   * Sends all events and the OK after them. Throws what the events throw, STREAM_INTERRUPTED where an upstream failure
   * cut content that the caller already has, or where the events end without `message_stop`.
   */
  async send(events: AsyncIterable<StreamEvent> | Iterable<StreamEvent>): Promise<void> {
    let isComplete = false;
    try {
      for await (const event of events) {
        if (this.#call.isOver) return;
        if (event.type === 'message_stop') isComplete = true;
        this.#put(event, isComplete);
        if (this.#call.isCongested) await this.#call.drained();
      }
      if (!isComplete) {
        throw new RelayError('STREAM_INTERRUPTED', 'The upstream answer ended before it was complete. Retry.');
      }
    } catch (thrown) {
      this.#flush();
      throw this.#interruption(asRelayError(thrown));
    }
    this.#flush();
    this.#call.finish();
  }

  /** Stops the timers. */
  close(): void {
    this.#cancelPing();
    this.#cancelFlush?.();
  }

  #put(event: StreamEvent, isLast: boolean): void {
    const isFirst = !this.#hasBegun;
    const message = isFirst || isLast ? this.#encoder.encode(event, this.#info()) : this.#encoder.encode(event);
    this.#delivered.add(event);
    if (message === undefined) return;
    this.#hasBegun = true;
    this.#lastSent = this.#clock.now();
    if (this.#options.flushIntervalMs === 0) {
      this.#call.send(message);
      return;
    }
    this.#ready.push(message);
    this.#readyBytes += message.length;
    if (this.#readyBytes >= this.#options.flushBytes) this.#flush();
    else this.#cancelFlush ??= this.#clock.after(this.#options.flushIntervalMs, () => this.#flush());
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    for (const message of this.#ready) this.#call.send(message);
    this.#ready.length = 0;
    this.#readyBytes = 0;
  }

  /** The timer runs on while events come and looks at the clock when it fires: events themselves touch no timer. */
  #pingIfSilent(): void {
    if (this.#call.isOver) return;
    const silence = this.#clock.now() - this.#lastSent;
    if (silence >= PING_AFTER_MS) this.#ping();
    const next = this.#clock.now() - this.#lastSent;
    this.#cancelPing = this.#clock.after(Math.max(1, PING_AFTER_MS - next), () => this.#pingIfSilent());
  }

  #ping(): void {
    this.#lastSent = this.#clock.now();
    if (this.#call.isCongested) return;
    // The first message of a stream carries RelayInfo, and so does the first of the answer: `#hasBegun` stays as it is.
    const isFirst = !this.#hasBegun && !this.#hasPinged;
    this.#hasPinged = true;
    const message = isFirst ? this.#encoder.encode(PING, this.#info()) : this.#encoder.encode(PING);
    if (message !== undefined) this.#call.send(message);
  }

  #interruption(error: RelayError): RelayError {
    const { blocks, characters, hasContent } = this.#delivered;
    if (!hasContent) return error;
    const delivered = { ...error.metadata, blocks: String(blocks), characters: String(characters) };
    const isCut = INTERRUPTIONS.has(error.reason);
    return new RelayError(
      isCut ? 'STREAM_INTERRUPTED' : error.reason,
      isCut ? 'The upstream broke off its answer. Use what has come, or send the request anew.' : error.message,
      {
        cause: error.cause ?? error,
        violations: error.violations,
        upstream: error.upstream,
        metadata: delivered,
        ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
      },
    );
  }
}
