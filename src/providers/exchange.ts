import type { Dispatcher } from 'undici';
import type { Call } from '../completion/call.ts';
import { asRelayError, type RelayError } from '../completion/errors.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { Flow, Sink } from './flow.ts';
import type { Entrant } from './gate.ts';
import type { Clock } from './provider.ts';
import type { RawHeaders } from './response-head.ts';

/** Who takes the answer. */
export interface Receiver {
  /** The head has come: says where the body goes. Undefined where it has stopped the flow. */
  open(status: number, headers: RawHeaders, flow: Flow): Sink | undefined;
  /** There will be no answer, and no `open`. */
  fail(error: Error): void;
}

/**
 * One request and its answer on one connection. It is a handler for undici's lowest interface, `dispatch`: no stream
 * objects between the socket and the answer, and aborts that take effect before they return.
 */
export class Exchange implements Dispatcher.DispatchHandler, Entrant, Flow {
  private readonly pool: ConnectionPool;
  private readonly clock: Clock;
  private readonly call: Call;
  private readonly request: Dispatcher.DispatchOptions;
  private readonly receiver: Receiver;
  private readonly onAbort = () => this.abort(asRelayError(this.call.signal.reason));
  private controller: Dispatcher.DispatchController | undefined;
  private sink: Sink | undefined;
  private startedAt: number | undefined;
  private sawBody = false;
  private paused = false;
  /** Why the exchange ended before the answer did. */
  private stopped: Error | undefined;

  constructor(pool: ConnectionPool, clock: Clock, call: Call, request: Dispatcher.DispatchOptions, receiver: Receiver) {
    this.pool = pool;
    this.clock = clock;
    this.call = call;
    this.request = request;
    this.receiver = receiver;
  }

  begin(): void {
    const { signal } = this.call;
    signal.addEventListener('abort', this.onAbort);
    if (signal.aborted) this.receiver.fail(asRelayError(signal.reason));
    else this.pool.enter(this);
  }

  /** The call's abort signal no longer concerns this exchange. */
  release(): void {
    this.call.signal.removeEventListener('abort', this.onAbort);
  }

  start(): void {
    this.startedAt = this.clock.now();
    this.call.trace.timeToFirstByte = undefined;
    this.pool.dispatch(this.request, this);
  }

  /**
   * Takes effect once what the socket has brought is parsed. undici would stop in the middle of it and put the rest back, yet
   * have read on by then: with each pause its buffer would grow by more than the reader took.
   */
  pause(): void {
    this.paused = true;
    queueMicrotask(() => {
      if (this.paused) this.controller?.pause();
    });
  }

  resume(): void {
    this.paused = false;
    this.controller?.resume();
  }

  stop(reason: Error): void {
    if (this.stopped !== undefined) return;
    this.stopped = reason;
    this.stopTiming();
    // While its connection is still being made there is nothing to abort yet; onRequestStart will.
    if (!this.pool.withdraw(this)) this.controller?.abort(reason);
  }

  private abort(reason: RelayError): void {
    if (this.sink !== undefined) {
      this.sink.cancel(reason);
      return;
    }
    this.stop(reason);
    this.receiver.fail(reason);
  }

  private stopTiming(): void {
    if (this.startedAt === undefined) return;
    this.call.trace.upstreamTime += this.clock.now() - this.startedAt;
    this.startedAt = undefined;
  }

  // What undici calls: either an end or an error, once, and last.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // Nothing has been sent yet. What is thrown here ends the request alone; `abort` would destroy the new connection too.
    if (this.stopped !== undefined) throw this.stopped;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: RawHeaders): void {
    // They would hold the buffer that the head came in, up to 64 KiB, for as long as the answer lasts.
    controller.rawHeaders = null;
    // 1xx answers only precede the one that counts.
    if (status >= 200) this.sink = this.receiver.open(status, headers, this);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.sawBody && this.startedAt !== undefined) {
      this.sawBody = true;
      this.call.trace.timeToFirstByte = this.clock.now() - this.startedAt;
    }
    this.sink?.write(chunk);
  }

  onResponseEnd(): void {
    this.stopTiming();
    this.sink?.end();
    this.pool.leave();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.stopTiming();
    if (this.stopped === undefined) {
      this.stopped = error;
      if (this.sink === undefined) this.receiver.fail(error);
      else this.sink.fail(error);
    }
    this.pool.leave();
  }
}
