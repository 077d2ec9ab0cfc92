/** A relay on a real socket with a service of the test's own, and a client that speaks in JSON. */
import { DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import { EventEmitter, once } from 'node:events';
import {
  Client,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  type Metadata,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { type AnyDefinition, loadSync } from '@grpc/proto-loader';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply, Settlement, StreamEvent } from '../../src/completion/reply.ts';
import { DEFAULT_ROUTING } from '../../src/completion/routing.ts';
import type { Service } from '../../src/completion/service.ts';
import { type Clock, systemClock } from '../../src/server/clock.ts';
import type { Refusal } from '../../src/server/edge-call.ts';
import { PROTO_ROOT } from '../../src/server/proto-root.ts';
import { ANONYMOUS, type RelayCodec, type RelayServiceOptions, relayService } from '../../src/server/relay-service.ts';
import { createServer, type Server, type ServerOptions } from '../../src/server/server.ts';

const asIs = (bytes: Buffer): Buffer => bytes;

export const PATHS = {
  Complete: '/claude.relay.v1.RelayService/Complete',
  CompleteStream: '/claude.relay.v1.RelayService/CompleteStream',
  CountTokens: '/claude.relay.v1.RelayService/CountTokens',
  ListModels: '/claude.relay.v1.RelayService/ListModels',
} as const;

const definition: ServiceDefinition = Object.fromEntries(
  Object.entries(PATHS).map(([name, path]) => [
    name,
    {
      path,
      requestStream: false,
      responseStream: name === 'CompleteStream',
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]),
);

/** JSON on the wire instead of protobuf; a body of `invalid` is refused, an event of type `held` is held back. */
export const fakeCodec: RelayCodec = {
  definitions: { relay: definition },
  decodeRequest: (_operation, wire) => {
    const body = wire.toString();
    if (body === 'invalid') {
      throw new RelayError('INVALID_REQUEST', 'Name a model.', {
        violations: [{ field: 'model', description: 'is missing' }],
      });
    }
    const options = { betas: [], apiVersion: '2023-06-01' };
    return {
      body,
      model: 'claude-test',
      maxTokens: 16,
      options,
      routing: DEFAULT_ROUTING,
      cache: DEFAULT_CACHE_POLICY,
      selfContained: true,
    };
  },
  encodeWhole: (_operation, body, relay) => Buffer.from(JSON.stringify({ body, relay })),
  createStreamEncoder: () => ({
    encode: (event, relay) =>
      event.type === 'held' ? undefined : Buffer.from(JSON.stringify({ type: event.type, data: event.data, relay })),
  }),
};

export interface Fixture {
  readonly server: Server;
  readonly port: number;
  readonly client: Client;
  readonly refusals: Refusal[];
  readonly bugs: RelayError[];
  readonly warnings: string[];
  /** `call` events with each Call that reached the service, `refused` with each Refusal. */
  readonly seen: EventEmitter;
  readonly connect: (options?: ClientOptions) => Client;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface FixtureOptions {
  readonly server?: Partial<ServerOptions>;
  readonly relay?: Partial<RelayServiceOptions>;
  readonly clock?: Clock;
}

export async function startRelay(service: Service, options: FixtureOptions = {}): Promise<Fixture> {
  const clock = options.clock ?? systemClock;
  const refusals: Refusal[] = [];
  const bugs: RelayError[] = [];
  const warnings: string[] = [];
  const seen = new EventEmitter();
  const relay = relayService({
    codec: fakeCodec,
    service: (call) => {
      seen.emit('call', call);
      return service(call);
    },
    authenticate: () => ANONYMOUS,
    digest: ({ body }) => `digest of ${body}`,
    priceOf: () => undefined,
    stream: { flushBytes: 1024, flushIntervalMs: 0 },
    clock,
    ...options.relay,
  });
  const server = createServer(
    {
      listen: '127.0.0.1:0',
      maxRequestBytes: 64 * 1024,
      maxArrivingBytes: 1024 * 1024,
      requestTimeoutMs: 60_000,
      maxConnections: 100,
      maxConcurrentStreams: 1000,
      keepaliveTimeMs: 60_000,
      keepaliveTimeoutMs: 20_000,
      maxConnectionAgeMs: Infinity,
      maxConnectionAgeGraceMs: Infinity,
      drainTimeoutMs: 5_000,
      reflection: false,
      ...options.server,
    },
    {
      mounts: [relay],
      clock,
      refused: (refusal) => {
        refusals.push(refusal);
        seen.emit('refused', refusal);
      },
      bug: (_id, error) => bugs.push(error),
      warn: (message) => warnings.push(message),
    },
  );
  const { port } = await server.start();
  const clients: Client[] = [];
  const connect = (clientOptions: ClientOptions = {}): Client => {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      ...clientOptions,
    });
    clients.push(client);
    return client;
  };
  return {
    server,
    port,
    client: connect(),
    refusals,
    bugs,
    warnings,
    seen,
    connect,
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      server.close();
    },
  };
}

export interface Answer {
  readonly error: ServiceError | null;
  readonly message: Buffer | undefined;
  readonly headers: Metadata;
}

/** One unary call; resolves with its error, never rejects. */
export function unary(
  client: Client,
  path: string,
  request: string | Buffer,
  metadata: Metadata,
  deadline?: number,
): Promise<Answer> {
  return new Promise((resolve) => {
    let headers = metadata;
    const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
    const call = client.makeUnaryRequest(
      path,
      asIs,
      asIs,
      Buffer.from(request),
      metadata,
      options,
      (error, message) => {
        resolve({ error, message, headers });
      },
    );
    call.on('metadata', (received) => {
      headers = received;
    });
  });
}

export interface Received {
  readonly type: string;
  readonly data: string;
  readonly relay?: Record<string, unknown>;
}

/** One streaming call, not yet read. */
export function stream(client: Client, request: string, metadata: Metadata): ClientReadableStream<Buffer> {
  return client.makeServerStreamRequest(PATHS.CompleteStream, asIs, asIs, Buffer.from(request), metadata);
}

/** Reads a stream to its end: what came, and the error it ended with. */
export async function readAll(
  call: ClientReadableStream<Buffer>,
): Promise<{ events: Received[]; error?: ServiceError }> {
  const events: Received[] = [];
  try {
    for await (const message of call) events.push(JSON.parse(String(message)));
    return { events };
  } catch (error) {
    return { events, error: error as ServiceError };
  }
}

const types = loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [PROTO_ROOT],
  keepCase: true,
  longs: Number,
  defaults: true,
});

function decode(name: string, bytes: Buffer): unknown {
  const type: AnyDefinition | undefined = types[name];
  if (type === undefined || !('deserialize' in type) || typeof type.deserialize !== 'function') {
    throw new Error(`no message ${name}`);
  }
  return type.deserialize(bytes);
}

export interface ErrorInfo {
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Record<string, string>;
}

/** The details of an error by their type names, e.g. `ErrorInfo`. */
export function errorDetails(metadata: Metadata): Record<string, unknown> & { readonly ErrorInfo: ErrorInfo } {
  const [bytes] = metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(bytes)) throw new Error('no grpc-status-details-bin');
  const status = decode('google.rpc.Status', bytes) as { details: { type_url: string; value: Buffer }[] };
  const details = status.details.map(({ type_url, value }) => {
    const name = type_url.slice('type.googleapis.com/'.length);
    return [name.slice('google.rpc.'.length), decode(name, value)];
  });
  return Object.fromEntries(details);
}

export function errorInfo(error: ServiceError | null | undefined): ErrorInfo {
  if (error === null || error === undefined) throw new Error('the call did not fail');
  return errorDetails(error.metadata).ErrorInfo;
}

const DELIVERED: Promise<Settlement> = Promise.resolve({ outcome: 'delivered', usage: {} });

export function whole(body: string): Reply {
  return { kind: 'whole', body, settled: DELIVERED };
}

export function streamOf(events: AsyncIterable<StreamEvent>): Reply {
  return { kind: 'stream', events, settled: DELIVERED };
}

export function event(type: string, fields: object = {}): StreamEvent {
  return { type, data: JSON.stringify({ type, ...fields }) };
}

/** Rejects with the call's own reason when it is aborted. */
export async function aborted(call: Call): Promise<never> {
  if (!call.signal.aborted) await once(call.signal, 'abort');
  throw call.signal.reason;
}

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Map<number, { at: number; callback: () => void }>();
  #next = 0;

  readonly now = (): number => this.#now;

  readonly after = (milliseconds: number, callback: () => void): (() => void) => {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + milliseconds, callback });
    return () => this.#timers.delete(id);
  };

  get pending(): number {
    return this.#timers.size;
  }

  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      const [id, { at, callback }] = due;
      this.#timers.delete(id);
      this.#now = at;
      callback();
    }
    this.#now = end;
  }
}
