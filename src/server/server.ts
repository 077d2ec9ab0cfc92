/** The gRPC listener: what it serves, how it starts, how it ends. */
import { constants } from 'node:http2';
import {
  Server as GrpcServer,
  type MethodDefinition,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface as OtherCall,
  type ServerInterceptor,
  type ServerListener,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import type { Operation } from '../completion/call.ts';
import type { RelayError } from '../completion/errors.ts';
import type { Clock } from './clock.ts';
import { Drain, type DrainReport } from './drain.ts';
import { EdgeCall, type EdgeHost, type Handler, type Method, type Refusal, type Screen } from './edge-call.ts';
import { boundMessages, forgetPieces, http2StreamOf } from './grpc-call.ts';
import { takeOverGrpcLog } from './grpc-log.ts';
import { createHealth } from './health.ts';
import { setHttp2Options, watchHttp2 } from './http2-options.ts';
import { Intake } from './intake.ts';
import { LinkedSet } from './linked-set.ts';
import { Listener, type TlsOptions } from './listener.ts';
import { addReflection } from './reflection.ts';
import { handUnknownMethodsOn, isUnknown } from './unknown-methods.ts';

/** A gRPC service and who answers it; its handlers get and send the messages' bytes. */
export interface Mount {
  readonly definition: ServiceDefinition;
  /** By method name as in the proto file. A method that is missing here is UNIMPLEMENTED. */
  readonly methods: Readonly<Record<string, MountedMethod>>;
}

/** Who answers a method, and which operation its calls are for, which refusals tell of. */
export interface MountedMethod {
  readonly operation: Operation;
  readonly handler: Handler;
}

export interface ServerOptions {
  /** `HOST:PORT` or `[IPV6]:PORT`; port 0 takes a free one. */
  readonly listen: string;
  /** Plain text without it. */
  readonly tls?: TlsOptions;
  /** Of one request message, also once decompressed. */
  readonly maxRequestBytes: number;
  /** How long a request may take to arrive, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** What all requests that are still arriving may hold together. */
  readonly maxArrivingBytes: number;
  readonly maxConnections: number;
  /** Per connection. */
  readonly maxConcurrentStreams: number;
  /** Silence on a connection after which the server asks whether the client is still there (gRFC A8). */
  readonly keepaliveTimeMs: number;
  /** How long the client may take to say so. */
  readonly keepaliveTimeoutMs: number;
  /** Connections are closed gracefully at about this age, so that clients spread over new replicas (gRFC A9); `Infinity`: never. */
  readonly maxConnectionAgeMs: number;
  /** How long calls on such a connection may go on. */
  readonly maxConnectionAgeGraceMs: number;
  /** How long calls in flight may go on once the server drains. */
  readonly drainTimeoutMs: number;
  /** Whether clients may ask for the proto definitions. */
  readonly reflection: boolean;
}

export interface ServerDependencies {
  readonly mounts: readonly Mount[];
  readonly clock: Clock;
  /** Asked about every call before its request is read; everything is let through without it. */
  readonly screen?: Screen;
  /** Told of every call that ended before a service saw it. */
  readonly refused: (refusal: Refusal) => void;
  /** Told of every internal error, once. */
  readonly bug: (requestId: string, error: RelayError) => void;
  /** Told of what grpc-js itself complains about. */
  readonly warn: (message: string) => void;
}

export interface Server {
  /** Binds the address; rejects where that is not possible. */
  readonly start: () => Promise<{ readonly port: number }>;
  /** What health tells from `start` on: whether calls would be answered. */
  readonly setServing: (isServing: boolean) => void;
  /**
   * Takes other certificates, or none, for connections that come from now on; those that are there stay as they are.
   * Throws where OpenSSL refuses them, and changes nothing then.
   */
  readonly setTls: (tls: TlsOptions | undefined) => void;
  readonly isDraining: () => boolean;
  /** Calls under way. */
  readonly inFlight: () => number;
  /**
   * Says NOT_SERVING, takes no new calls, lets those in flight finish until `drainTimeoutMs`, then ends them with
   * DRAINING. Resolves when no connection is left.
   */
  readonly drain: () => Promise<DrainReport>;
  /** Drops everything at once. */
  readonly close: () => void;
}

const NEVER_MS = 2 ** 31 - 1;
/** Over the slowest links a TLS handshake takes a second or two. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Makes the server; `start` opens it. */
export function createServer(options: ServerOptions, dependencies: ServerDependencies): Server {
  takeOverGrpcLog(dependencies.warn);
  const calls = new LinkedSet<EdgeCall>();
  const { clock, refused, bug, warn, screen = () => undefined } = dependencies;
  const { maxRequestBytes, maxConnections } = options;
  const host: EdgeHost = {
    clock,
    refused,
    bug,
    screen,
    maxRequestBytes,
    intake: new Intake({
      clock,
      timeoutMs: options.requestTimeoutMs,
      maxBytes: Math.max(options.maxArrivingBytes, 2 * maxRequestBytes),
    }),
    isDraining: () => drain.isDraining,
    opened: (call) => {
      const member = calls.add(call);
      return () => {
        calls.delete(member);
        drain.callClosed();
      };
    },
  };
  const methods = methodsByPath(dependencies.mounts);
  const names = dependencies.mounts.map(({ definition }) => serviceName(definition));
  const health = createHealth(names);
  const others = new Set<OtherCall>();
  const grpc = new GrpcServer({ ...channelOptions(options), interceptors: [intercept(methods, host, others)] });
  handUnknownMethodsOn(grpc);
  setHttp2Options(grpc, options.maxConcurrentStreams);
  // What comes out of the listener has done its handshake, so that to grpc-js it is plain text.
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  watchHttp2(grpc);
  const listener = new Listener({
    listen: options.listen,
    maxConnections,
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    accept: (socket) => injector.injectConnection(socket),
    now: clock.now,
    full: () => warn(`all ${maxConnections} connections are taken: further ones are refused`),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  const drain = new Drain({ grpc, listener, calls, others, clock, timeout: options.drainTimeoutMs });

  for (const { definition } of dependencies.mounts) grpc.addService(raw(definition), {});
  health.addTo(grpc);
  if (options.reflection) addReflection(grpc, names);

  return {
    start: async () => {
      const bound = await listener.start();
      health.setServing(true);
      return bound;
    },
    setServing: (isServing) => {
      if (!drain.isDraining) health.setServing(isServing);
    },
    setTls: (tls) => listener.setTls(tls),
    isDraining: () => drain.isDraining,
    inFlight: () => calls.size,
    drain: () => {
      health.setServing(false);
      return drain.begin();
    },
    close: () => {
      grpc.forceShutdown();
      listener.destroy();
    },
  };
}

function channelOptions(options: ServerOptions): ConstructorParameters<typeof GrpcServer>[0] {
  return {
    // Bookkeeping for channelz, which is not served: a tenth of the cost of a call.
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': options.maxRequestBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': options.maxConcurrentStreams,
    'grpc.keepalive_time_ms': orNever(options.keepaliveTimeMs),
    'grpc.keepalive_timeout_ms': orNever(options.keepaliveTimeoutMs),
    'grpc.max_connection_age_ms': orNever(options.maxConnectionAgeMs),
    'grpc.max_connection_age_grace_ms': orNever(options.maxConnectionAgeGraceMs),
  };
}

/** A duration as grpc-js takes it: beyond what Node's timers hold (24 days) it is never, in grpc-js's spelling. */
function orNever(milliseconds: number): number {
  // Connection ages get up to a tenth added, so that not all connections close at once.
  return milliseconds * 1.1 < NEVER_MS ? milliseconds : NEVER_MS;
}

/**
 * Takes over the methods of the mounts, and those that nobody knows; keeps track of the others (health, reflection), so
 * that drain can end them.
 */
function intercept(methods: ReadonlyMap<string, Method>, host: EdgeHost, others: Set<OtherCall>): ServerInterceptor {
  return (definition, call) => {
    const { path } = definition;
    const method = methods.get(path) ?? (isUnknown(definition) ? { path } : undefined);
    if (method !== undefined) {
      return new ServerInterceptingCall(call, { start: () => call.start(new EdgeCall(call, method, host)) });
    }
    return new ServerInterceptingCall(call, { start: (next) => next(tracked(call, host.intake, others)) });
  };
}

/** Requests for health and reflection are names, and nobody need say who he is: what they hold is bounded apart. */
const MAX_OTHER_BYTES = 65_536;

function tracked(call: OtherCall, intake: Intake, others: Set<OtherCall>): ServerListener {
  boundMessages(call, MAX_OTHER_BYTES);
  const stream = http2StreamOf(call);
  const watch = (): (() => void) =>
    intake.watchBytes(stream, ({ message }) => call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details: message }));
  let leave = watch();
  let halfClosed = false;
  others.add(call);
  return {
    onReceiveMessage: (message, next) => {
      leave();
      leave = watch();
      forgetPieces(call);
      next(message);
    },
    onReceiveHalfClose: (next) => {
      halfClosed = true;
      leave();
      next();
    },
    onCancel: () => {
      leave();
      if (!halfClosed) stream?.close(constants.NGHTTP2_NO_ERROR);
      others.delete(call);
    },
  };
}

function methodsByPath(mounts: readonly Mount[]): Map<string, Method> {
  const methods = mounts.flatMap(({ definition, methods: own }) =>
    Object.entries(definition).map(([name, { path }]): Method => ({ path, ...own[name] })),
  );
  return new Map(methods.map((method) => [method.path, method]));
}

/** The definition with messages left as bytes. */
function raw(definition: ServiceDefinition): ServiceDefinition {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const methods = Object.entries(definition).map(([name, method]): [string, MethodDefinition<Buffer, Buffer>] => [
    name,
    { ...method, requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs },
  ]);
  return Object.fromEntries(methods);
}

/** `claude.relay.v1.RelayService` of `/claude.relay.v1.RelayService/Complete`. */
function serviceName(definition: ServiceDefinition): string {
  const [method] = Object.values(definition);
  if (method === undefined) throw new Error('A service without methods cannot be served.');
  return method.path.slice(1, method.path.lastIndexOf('/'));
}
