import type { Writable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { errorFrame, type Frame, PING } from '../generation/message.ts';
import type { FaultRule } from '../faults/rules.ts';
import type { Pace } from '../pace.ts';
import type { Exchange } from './exchange.ts';

/** What a stream is played with. */
export interface StreamSettings {
  readonly clock: Clock;
  readonly pace: Pace;
  /** Milliseconds of silence before a ping. */
  readonly pingInterval: number;
  /** A fault that strikes in the middle. */
  readonly fault: FaultRule | undefined;
  /** Told of output tokens as they go out. */
  readonly onTokens: (tokens: number) => void;
  /** Called when the answer begins. */
  readonly onStart: () => void;
}

/** Events that a fault in the middle lets through: those up to the first delta. */
const DEFAULT_AFTER_EVENTS = 5;

/** Events before a fault strikes. */
export function eventsBefore(fault: FaultRule): number {
  return fault.kind === 'error-head' ? 0 : (fault.afterEvents ?? DEFAULT_AFTER_EVENTS);
}

/**
 * Writes the events of one answer when they are due. Whatever is due at the same time leaves in one write, so that a
 * stream without latency costs one. Stops when the client leaves or does not read.
 */
class StreamPlayer {
  readonly #exchange: Exchange;
  readonly #frames: Iterator<Frame, undefined>;
  readonly #settings: StreamSettings;
  readonly #sink: Writable;
  /** When the next frame is due, in epoch milliseconds. */
  #due: number;
  #pending: Frame | undefined;
  #unwritten = '';
  /** Events that may still go out before the fault; Infinity without one. */
  #untilFault: number;

  constructor(exchange: Exchange, frames: Iterator<Frame, undefined>, settings: StreamSettings) {
    this.#exchange = exchange;
    this.#frames = frames;
    this.#settings = settings;
    this.#sink = exchange.begin('text/event-stream; charset=utf-8');
    this.#due = settings.clock.now();
    this.#untilFault = settings.fault === undefined ? Number.POSITIVE_INFINITY : eventsBefore(settings.fault);
  }

  readonly play = (): void => {
    while (!this.#exchange.closed) {
      this.#pending ??= this.#pull();
      if (this.#pending === undefined) {
        this.#finish();
        return;
      }
      const wait = this.#due - this.#settings.clock.now();
      if (wait > 0) {
        this.#rest(wait);
        return;
      }
      if (this.#untilFault <= 0) {
        this.#strike();
        return;
      }
      this.#take(this.#pending);
      this.#pending = undefined;
    }
  };

  #pull(): Frame | undefined {
    const frame = this.#frames.next().value;
    if (frame !== undefined) this.#due += this.#settings.pace.event(frame.tokens);
    return frame;
  }

  #take(frame: Frame): void {
    if (frame.tokens > 0) this.#settings.onTokens(frame.tokens);
    if (frame.text === '') return;
    this.#unwritten += frame.text;
    this.#exchange.record.events++;
    this.#untilFault--;
  }

  /** Sends what there is, and goes on later: when the next frame is due, after a ping, or when the client reads again. */
  #rest(wait: number): void {
    if (!this.#flush()) {
      this.#sink.once('drain', this.play);
      return;
    }
    const { pingInterval } = this.#settings;
    if (wait <= pingInterval) {
      this.#exchange.after(wait, this.play);
      return;
    }
    this.#exchange.after(pingInterval, () => {
      this.#take(PING);
      this.play();
    });
  }

  /** Whether the client keeps up. */
  #flush(): boolean {
    if (this.#unwritten === '') return true;
    return this.#sink.write(this.#drain());
  }

  #drain(): string {
    const text = this.#unwritten;
    this.#unwritten = '';
    this.#exchange.note();
    return text;
  }

  #finish(): void {
    this.#sink.end(this.#drain());
  }

  #strike(): void {
    const { fault } = this.#settings;
    if (fault === undefined) return;
    this.#untilFault = Number.POSITIVE_INFINITY;
    switch (fault.kind) {
      case 'error-head':
      case 'error-mid': {
        const type = fault.errorType ?? 'overloaded_error';
        const message = type === 'overloaded_error' ? 'Overloaded' : 'Internal server error';
        this.#take(errorFrame(type, message, this.#exchange.record.id));
        this.#exchange.markBroken();
        this.#finish();
        return;
      }
      case 'stall':
        this.#flush();
        // Without an end the client is left to wait; the exchange's close is all that ends it.
        if (fault.duration !== undefined) this.#exchange.after(fault.duration, this.play);
        return;
      case 'eof':
        this.#exchange.markBroken();
        this.#finish();
        return;
      default:
        // The events before the cut must have left before the connection goes.
        this.#sink.write(this.#drain(), () => this.#exchange.breakOff('cut'));
    }
  }
}

/** Begins the answer and plays its events. */
export function playStream(exchange: Exchange, frames: Iterator<Frame, undefined>, settings: StreamSettings): void {
  settings.onStart();
  new StreamPlayer(exchange, frames, settings).play();
}
