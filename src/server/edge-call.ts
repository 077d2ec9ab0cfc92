/**
 * One gRPC call, from its headers to its last byte.
 *
 * grpc-js offers handlers a Writable per call, even for unary ones. It writes one message per round of the event loop,
 * counts messages instead of bytes, reports an oversized request to nobody and sends bare statuses of its own. So the
 * relay's methods are taken over where grpc-js lets interceptors in, at `ServerInterceptingCallInterface`: messages that
 * are ready together leave in one write, back-pressure is in bytes, and every status carries its details.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { Metadata as GrpcMetadata, status as codes } from '@grpc/grpc-js';
import { asRelayError, RelayError } from '../completion/errors.ts';
import type { Operation } from '../completion/call.ts';
import { type RelayInfoTrace, startTrace } from '../completion/trace.ts';
import { requestId, requireBounded } from './caller-metadata.ts';
import type { Clock } from './clock.ts';
import { forgetPieces, http2StreamOf } from './grpc-call.ts';
import { deadlineExceeded, errorOfGrpc, unimplemented } from './grpc-errors.ts';
import type { Intake } from './intake.ts';
import { type Peer, peerOf } from './peer.ts';
import { wireStatus } from './status.ts';

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0];
type OutgoingStatus = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

/**
 * Bytes of a call that may wait for its reader, beside the 64 KiB or more that HTTP/2 itself lets be under way. More would
 * only be memory that slow readers hold.
 */
const HIGH_WATER_BYTES = 32 * 1024;

/** What a waiting message costs beside its bytes (measured): buffers, callbacks and requests of the HTTP/2 stream. */
const MESSAGE_OVERHEAD_BYTES = 512;

/** A caller's own deadline timer and the relay's fire at about the same time; a cancellation this close was the deadline. */
const DEADLINE_SLACK_MS = 20;

const NO_METADATA = new GrpcMetadata();

/**
 * Looks at what a call brings before its request has arrived, so that whoever has no credential cannot make the relay
 * hold 32 MiB for each call. Throws a RelayError.
 */
export type Screen = (metadata: Metadata, peer: Peer) => void;

/** A call that ended before any service saw it. */
export interface Refusal {
  readonly id: string;
  /** Absent where the method is unknown. */
  readonly operation?: Operation;
  /** Absent where the caller was not yet known. */
  readonly tenant?: string;
  readonly error: RelayError;
  readonly trace: RelayInfoTrace;
}

/** What a call needs of the server that it belongs to. */
export interface EdgeHost {
  readonly clock: Clock;
  readonly maxRequestBytes: number;
  readonly isDraining: () => boolean;
  /** Where requests are while they arrive. */
  readonly intake: Intake;
  /** Throws where, by what came before the request, no request could make the call a good one. */
  readonly screen: Screen;
  /** The call is in flight, until what this returns is called: when its last byte has been written, or it is gone. */
  readonly opened: (call: EdgeCall) => () => void;
  readonly refused: (refusal: Refusal) => void;
  /** Something was thrown that is no RelayError: log its cause. */
  readonly bug: (requestId: string, error: RelayError) => void;
}

/** Serves one method: answers through the call, or throws or rejects; undefined where nobody waits any more. */
export type Handler = (call: EdgeCall, request: Buffer) => Promise<void> | undefined;

/** A method as a call asks for it. */
export interface Method {
  /** `/package.Service/Method`, or whatever a caller wrote in its place. */
  readonly path: string;
  /** Absent where the method is unknown. */
  readonly operation?: Operation;
  /** Absent where nobody serves the method: it is UNIMPLEMENTED. */
  readonly handler?: Handler;
}

export class EdgeCall implements Listener {
  readonly trace: RelayInfoTrace;
  /** Set once headers have come. */
  id = '';
  metadata: Metadata = NO_METADATA;
  /** Set by the handler as soon as it knows: refusals tell of it. */
  tenant: string | undefined;
  readonly #grpc: ServerInterceptingCallInterface;
  readonly #sendStatus: (status: OutgoingStatus) => void;
  readonly #method: Method;
  readonly #host: EdgeHost;
  readonly #abort = new AbortController();
  readonly #stream: ServerHttp2Stream | undefined;
  #peer: Peer | undefined;
  #request: Buffer | undefined;
  /** Ends the watch over the arriving request. */
  #arrived: (() => void) | undefined;
  #closed: (() => void) | undefined;
  #halfClosed = false;
  #served = false;
  #over = false;
  #headersSent = false;
  #waitingBytes = 0;
  #wake: (() => void) | undefined;

  constructor(grpc: ServerInterceptingCallInterface, method: Method, host: EdgeHost) {
    this.trace = startTrace(host.clock.now());
    this.#grpc = grpc;
    this.#stream = http2StreamOf(grpc);
    this.#method = method;
    this.#host = host;
    // grpc-js itself ends calls that pass their deadline or are too large, through this method of its call.
    this.#sendStatus = grpc.sendStatus.bind(grpc);
    grpc.sendStatus = (status) => this.#endedByGrpc(status);
  }

  /** Aborts with a RelayError when the caller is gone, its deadline reached, or the relay ends the call. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether the caller has got its status, or is gone: whatever is sent now leads nowhere. */
  get isOver(): boolean {
    return this.#over;
  }

  /** When the caller's deadline falls, in milliseconds of the clock; `Infinity` without one. */
  get deadline(): number {
    const deadline = Number(this.#grpc.getDeadline());
    return deadline === Infinity ? Infinity : this.#host.clock.now() + deadline - Date.now();
  }

  get peer(): Peer {
    return (this.#peer ??= peerOf(this.#grpc));
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.metadata = metadata;
    this.id = requestId(metadata);
    this.#closed = this.#host.opened(this);
    try {
      this.#admit(metadata);
    } catch (thrown) {
      this.fail(asRelayError(thrown));
      return;
    }
    this.#arrived = this.#host.intake.watch(this.#stream, (error) => this.interrupt(error));
    this.#grpc.startRead();
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#request !== undefined) {
      this.fail(new RelayError('INVALID_REQUEST', 'Send exactly one request message.'));
      return;
    }
    this.#request = message;
    this.#grpc.startRead();
  }

  onReceiveHalfClose(): void {
    this.#halfClosed = true;
    this.#arrived?.();
    if (this.#over) return;
    const { handler } = this.#method;
    const request = this.#request;
    if (request !== undefined && handler !== undefined) {
      // For minutes to come, a long prompt would be held three times: in pieces, as a message, and as what came of it.
      this.#request = undefined;
      forgetPieces(this.#grpc);
      try {
        handler(this, request)?.catch((thrown: unknown) => this.fail(asRelayError(thrown)));
      } catch (thrown) {
        this.fail(asRelayError(thrown));
      }
      return;
    }
    // A connection that breaks also ends the request; then `onCancel` is on its way and tells it better.
    setImmediate(() => {
      this.fail(new RelayError('INVALID_REQUEST', 'The call carried no request message. Send exactly one.'));
    });
  }

  /** Comes once for every call, also after its status was sent. */
  onCancel(): void {
    if (!this.#over) {
      const reached = this.#host.clock.now() + DEADLINE_SLACK_MS >= this.deadline;
      this.interrupt(reached ? deadlineExceeded() : new RelayError('CANCELLED', 'The caller cancelled the call.'));
    }
    // A caller that has its answer and goes on sending would keep the stream (RFC 9113, 8.1 has the server end it so).
    if (!this.#halfClosed) this.#stream?.close(constants.NGHTTP2_NO_ERROR);
    this.#closed?.();
    // HTTP/2 holds its streams in such a table as LinkedSet tells of; what listens to this one would stay with it.
    this.#stream?.removeAllListeners('data').removeAllListeners('end');
  }

  /** Marks the call as seen by a service, which from now on counts it. */
  serve(): void {
    this.#served = true;
  }

  /** Sends the one message of a unary answer, and OK. */
  respond(message: Buffer): void {
    this.send(message);
    this.finish();
  }

  /** Sends a message of a stream. Ask {@link drained} before the next. */
  send(message: Buffer): void {
    if (this.#over) return;
    this.#sendHeaders();
    const cost = message.length + MESSAGE_OVERHEAD_BYTES;
    this.#waitingBytes += cost;
    this.#grpc.sendMessage(message, () => {
      this.#waitingBytes -= cost;
      if (this.#waitingBytes < HIGH_WATER_BYTES) this.#resume();
    });
  }

  /** Ends the call with OK. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#sendStatus({ code: codes.OK, details: 'OK', metadata: null });
  }

  /** Whether the reader is behind. */
  get isCongested(): boolean {
    return this.#waitingBytes >= HIGH_WATER_BYTES && !this.#over;
  }

  /** Resolves when the reader has caught up, or the call is over. */
  drained(): Promise<void> {
    if (!this.isCongested) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Ends the call with an error. Does nothing if it is over. */
  fail(error: RelayError): void {
    if (this.#over) return;
    this.#over = true;
    this.#arrived?.();
    if (error.reason === 'INTERNAL') this.#host.bug(this.id, error);
    this.#sendStatus(wireStatus(error, { requestId: this.id, tenant: this.tenant, trace: this.trace }));
    this.#resume();
    if (this.#served) return;
    const { operation } = this.#method;
    this.#host.refused({
      id: this.id,
      error,
      trace: this.trace,
      ...(operation === undefined ? {} : { operation }),
      ...(this.tenant === undefined ? {} : { tenant: this.tenant }),
    });
  }

  /** Ends the call with an error, and whatever works for it. */
  interrupt(error: RelayError): void {
    if (this.#over) return;
    this.#abort.abort(error);
    this.fail(error);
  }

  #admit(metadata: Metadata): void {
    if (this.#host.isDraining()) {
      throw new RelayError('DRAINING', 'This relay is shutting down. Retry: another replica will answer.');
    }
    requireBounded(metadata);
    if (this.#method.handler === undefined) throw unimplemented(this.#method.path);
    this.#host.screen(metadata, this.peer);
  }

  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    const headers = new GrpcMetadata();
    headers.set('x-request-id', this.id);
    this.#grpc.sendMetadata(headers);
  }

  #resume(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** grpc-js found by itself that the call cannot go on. */
  #endedByGrpc(status: OutgoingStatus): void {
    this.interrupt(errorOfGrpc(status.code, this.#host.maxRequestBytes));
  }
}
