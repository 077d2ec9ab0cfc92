/** The end of a server: nobody who was let in is turned out before his time, and nobody holds it up for ever. */
import { type Server as GrpcServer, type ServerInterceptingCallInterface, status } from '@grpc/grpc-js';
import { RelayError } from '../completion/errors.ts';
import type { Clock } from './clock.ts';
import type { EdgeCall } from './edge-call.ts';
import type { Listener } from './listener.ts';

/** Time for the last statuses to reach slow readers, after which connections are dropped. */
const FAREWELL_MS = 1_000;

export interface DrainReport {
  /** Calls in flight when draining began. */
  readonly inFlight: number;
  /** Of these, how many had to be ended with DRAINING. */
  readonly cut: number;
}

export interface DrainParts {
  readonly grpc: GrpcServer;
  readonly listener: Listener;
  /** Calls in flight; the server keeps it up to date. */
  readonly calls: Iterable<EdgeCall> & { readonly size: number };
  /** Health watches and reflection streams: they have no end of their own. */
  readonly others: ReadonlySet<ServerInterceptingCallInterface>;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly timeout: number;
}

export class Drain {
  readonly #parts: DrainParts;
  #report: Promise<DrainReport> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  get isDraining(): boolean {
    return this.#report !== undefined;
  }

  /** To be told whenever a call has left the set of calls. */
  callClosed(): void {
    if (this.#parts.calls.size === 0) this.#whenIdle?.();
  }

  /** Drains once; later calls get the same report. */
  begin(): Promise<DrainReport> {
    return (this.#report ??= this.#drain());
  }

  async #drain(): Promise<DrainReport> {
    const { grpc, listener, calls, others, timeout } = this.#parts;
    const inFlight = calls.size;
    // One round of the event loop lets NOT_SERVING out to watchers before their connections close.
    await new Promise(setImmediate);
    const closed = listener.stop();
    // Sends GOAWAY: clients take new calls elsewhere, and those that crossed it on the wire are refused in a way
    // (REFUSED_STREAM) that gRPC clients retry by themselves.
    grpc.tryShutdown(() => undefined);
    await this.#idle(timeout);
    const cut = calls.size;
    for (const call of calls) {
      call.interrupt(
        new RelayError(
          'DRAINING',
          'This relay had to shut down before the answer was complete. Send the request again.',
        ),
      );
    }
    await this.#idle(FAREWELL_MS);
    for (const other of others) {
      other.sendStatus({ code: status.UNAVAILABLE, details: 'This relay is shutting down. Ask another replica.' });
    }
    await this.#orAfter(FAREWELL_MS, closed);
    grpc.forceShutdown();
    listener.destroy();
    return { inFlight, cut };
  }

  /** Resolves when no call is in flight, or after so many milliseconds. */
  #idle(milliseconds: number): Promise<void> {
    if (this.#parts.calls.size === 0) return Promise.resolve();
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
    return this.#orAfter(milliseconds, idle);
  }

  async #orAfter(milliseconds: number, event: Promise<void>): Promise<void> {
    let cancel: (() => void) | undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#parts.clock.after(milliseconds, resolve);
    });
    await Promise.race([event, late]);
    cancel?.();
  }
}
