import type { Server as GrpcServer } from '@grpc/grpc-js';

/**
 * Lets the callers on a connection give up every call that it may have at once, and that again every second, before it
 * is ended as a flood (CVE-2023-44487). nghttp2's own bound, a thousand at once and 33 a second, ends the connections
 * of mesh sidecars, with the calls of everybody on them, as soon as the upstream is slow and deadlines pass; a call
 * that is given up costs less than one that is answered, and `maxConcurrentStreams` bounds those.
 *
 * Node counts a stream among the open ones until its event loop comes round. A peer at its limit that fills the place
 * of a call in the moment in which it gives it up has the new one refused, and by Node's own bound would lose the
 * connection with the hundredth in a row.
 *
 * grpc-js passes no such options on, hence the reach into what it keeps for `http2.createServer`
 * (`test/e2e/core-abort.test.ts` would tell if a release moved it). To be called before connections are injected.
 * @see https://nodejs.org/docs/latest/api/http2.html#http2createserveroptions-onrequesthandler
 */
export function allowStreamResets(grpc: GrpcServer, maxConcurrentStreams: number): void {
  const options: unknown = Reflect.get(grpc, 'commonServerOptions');
  if (typeof options !== 'object' || options === null) return;
  const atLeast = (least: number, wanted: number): number => Math.min(Math.max(wanted, least), MOST);
  Object.assign(options, {
    streamResetRate: atLeast(NGHTTP2_RATE, maxConcurrentStreams),
    streamResetBurst: atLeast(NGHTTP2_BURST, 2 * maxConcurrentStreams),
    maxSessionRejectedStreams: atLeast(NODE_REJECTED, maxConcurrentStreams),
  });
}

/** Resets a second, and at once, that nghttp2 allows by itself. */
const NGHTTP2_RATE = 33;
const NGHTTP2_BURST = 1_000;
/** Streams in a row beyond the limit that Node allows by itself. */
const NODE_REJECTED = 100;
/** Node keeps them in 32 bits. */
const MOST = 2 ** 31 - 1;
