/** The methods of `claude.relay.v1.RelayService`: request bytes → Call → Service → answer bytes. */
import type { Metadata, ServiceDefinition } from '@grpc/grpc-js';
import { accumulate } from '../completion/accumulate.ts';
import type { CachePolicy } from '../completion/cache-policy.ts';
import type { Call, CallOptions, Operation } from '../completion/call.ts';
import { asRelayError } from '../completion/errors.ts';
import { replay } from '../completion/replay.ts';
import type { Reply, StreamEvent, WholeReply } from '../completion/reply.ts';
import type { RoutingHints } from '../completion/routing.ts';
import type { Service } from '../completion/service.ts';
import type { Usage } from '../completion/usage.ts';
import { traceContext } from './caller-metadata.ts';
import type { Clock } from './clock.ts';
import { Delivery, type DeliveryOptions, type StreamEncoder } from './deliver.ts';
import type { EdgeCall, Handler } from './edge-call.ts';
import type { Peer } from './peer.ts';
import { countingEncoder } from './counting-encoder.ts';
import { type RelayInfo, relayInfo } from './relay-info.ts';
import type { Mount, MountedMethod } from './server.ts';

/** A request in the terms of the domain. */
export interface DecodedRequest {
  readonly body: string;
  readonly model: string;
  readonly maxTokens: number;
  readonly options: CallOptions;
  readonly routing: RoutingHints;
  readonly cache: CachePolicy;
  readonly selfContained: boolean;
  /** Present where the request may be handed out again. */
  readonly memo?: RequestMemo;
}

/** What was worked out of a request, for the next call that brings it. */
export interface RequestMemo {
  /** Its digest, and for whom and where it holds. */
  digest?: { readonly tenant: string; readonly operation: Operation; readonly region: string; readonly text: string };
}

/** What the methods need of the codec. */
export interface RelayCodec {
  readonly definitions: { readonly relay: ServiceDefinition };
  /** Throws INVALID_REQUEST with violations, or REQUEST_TOO_LARGE. */
  readonly decodeRequest: (operation: Operation, wire: Buffer) => DecodedRequest;
  /** With a memo, what was encoded before is used again, and kept there otherwise. */
  readonly encodeWhole: (operation: Operation, body: string, info: RelayInfo, memo?: WholeReply['memo']) => Buffer;
  readonly createStreamEncoder: () => StreamEncoder;
}

/** Who calls. */
export interface Identity {
  readonly tenant: string;
}

/**
 * Finds out who calls, by the metadata, the request bytes exactly as they came (for signatures) and the connection;
 * before anything is decoded. Throws UNAUTHENTICATED, SIGNATURE_… or PERMISSION_DENIED.
 */
export type Authenticate = (
  metadata: Metadata,
  wire: Buffer,
  peer: Peer,
  /** `Complete`, `CompleteStream`, … */
  rpc: string,
) => Identity | Promise<Identity>;

export const ANONYMOUS: Identity = { tenant: 'anonymous' };

export interface RelayServiceOptions {
  readonly codec: RelayCodec;
  readonly service: Service;
  readonly authenticate: Authenticate;
  /** Digest of all that the answer may depend on, in hex. */
  readonly digest: (request: DecodedRequest, operation: Operation, tenant: string) => string;
  /** What a call cost in USD, given what it used; undefined where that is not known. */
  readonly priceOf: (call: Call, usage: Usage) => number | undefined;
  readonly stream: DeliveryOptions;
  readonly clock: Clock;
}

/** The service, for the server to mount. */
export function relayService(options: RelayServiceOptions): Mount {
  return {
    definition: options.codec.definitions.relay,
    methods: {
      Complete: unary('Complete', 'messages', options),
      CompleteStream: streaming(options),
      CountTokens: unary('CountTokens', 'count_tokens', options),
      ListModels: unary('ListModels', 'models', options),
    },
  };
}

function unary(rpc: string, operation: Operation, options: RelayServiceOptions): MountedMethod {
  const { codec, service, priceOf, clock } = options;
  const handler = handlerOf(rpc, operation, options, async (edge, call) => {
    const reply = await service(call);
    const body = reply.kind === 'whole' ? reply.body : await accumulate(reply.events);
    // What is here as a whole has settled, or does so with its last event.
    const { usage } = reply.settled instanceof Promise ? await reply.settled : reply.settled;
    const cost = isPaid(call) ? priceOf(call, usage) : 0;
    if (edge.isOver) return;
    edge.respond(codec.encodeWhole(operation, body, relayInfo(call, clock.now(), cost), memoOf(reply)));
  });
  return { operation, handler };
}

function streaming(options: RelayServiceOptions): MountedMethod {
  const { codec, service, priceOf, stream, clock } = options;
  const handler = handlerOf('CompleteStream', 'messages', options, async (edge, call) => {
    const { encode, usage } = countingEncoder(codec.createStreamEncoder());
    const info = (): RelayInfo => relayInfo(call, clock.now(), isPaid(call) ? priceOf(call, usage()) : 0);
    const delivery = new Delivery(edge, { encode }, info, stream, clock);
    try {
      await delivery.send(eventsOf(await service(call)));
    } catch (thrown) {
      // Interrupted rather than failed: where the edge gave up, the upstream is to stop too.
      edge.interrupt(asRelayError(thrown));
    } finally {
      delivery.close();
    }
  });
  return { operation: 'messages', handler };
}

/**
 * Makes the domain's call and has it answered. By no `async` function: one holds its arguments until its end, and the
 * bytes of a long prompt are not to be held for as long as its answer takes.
 */
function handlerOf(
  rpc: string,
  operation: Operation,
  options: RelayServiceOptions,
  answer: (edge: EdgeCall, call: Call) => Promise<void>,
): Handler {
  const { authenticate } = options;
  return (edge, wire) => {
    const opened = (identity: Identity): Promise<void> | undefined => {
      const call = open(edge, wire, rpc, operation, identity, options);
      return call === undefined ? undefined : answer(edge, call);
    };
    const identity = authenticate(edge.metadata, wire, edge.peer, rpc);
    return identity instanceof Promise ? identity.then(opened) : opened(identity);
  };
}

function eventsOf(reply: Reply): AsyncIterable<StreamEvent> | Iterable<StreamEvent> {
  return reply.kind === 'stream' ? reply.events : replay(reply.body);
}

/** Makes the domain's call of a gRPC call; undefined where its caller went away meanwhile. */
function open(
  edge: EdgeCall,
  wire: Buffer,
  rpc: string,
  operation: Operation,
  { tenant }: Identity,
  { codec, digest }: RelayServiceOptions,
): Call | undefined {
  edge.tenant = tenant;
  if (edge.isOver) return undefined;
  const decoded = codec.decodeRequest(operation, wire);
  edge.serve();
  let digested: string | undefined;
  return {
    ...decoded,
    id: edge.id,
    operation,
    digest: () => (digested ??= digest(decoded, operation, tenant)),
    wantsStream: rpc === 'CompleteStream',
    tenant,
    traceContext: traceContext(edge.metadata),
    deadline: edge.deadline,
    signal: edge.signal,
    trace: edge.trace,
  };
}

/** Answers that are not the call's own were paid for by the one that they were made for. */
function isPaid({ operation, trace: { cacheStatus } }: Call): boolean {
  return operation === 'messages' && cacheStatus !== 'HIT' && cacheStatus !== 'SIMILAR' && cacheStatus !== 'COALESCED';
}

function memoOf(reply: Reply): WholeReply['memo'] {
  return reply.kind === 'whole' ? reply.memo : undefined;
}
