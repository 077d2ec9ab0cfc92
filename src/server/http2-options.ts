/**
 * What of Node's HTTP/2 a relay needs otherwise than it is, and grpc-js passes no option on for; hence the reach into
 * what it keeps (`test/e2e/core-connection.test.ts` would tell if a release moved it).
 *
 * @see https://nodejs.org/docs/latest/api/http2.html#http2createserveroptions-onrequesthandler
 */
import type { ServerHttp2Session } from 'node:http2';
import type { Server as GrpcServer } from '@grpc/grpc-js';

/**
 * What may be on its way in one request, and in all of a connection, in bytes. With the 64 KiB of RFC 9113, 6.9.2, a prompt
 * of a megabyte takes sixteen round trips, and all callers behind a mesh sidecar share them. What arrives is read at once,
 * and `max_arriving_bytes` bounds it: windows bound nothing here.
 */
const REQUEST_WINDOW_BYTES = 2 ** 20;
const CONNECTION_WINDOW_BYTES = 2 ** 23;

/** Resets a second, and at once, that nghttp2 allows by itself. */
const NGHTTP2_RATE = 33;
const NGHTTP2_BURST = 1_000;
/** Streams in a row beyond the limit that Node allows by itself. */
const NODE_REJECTED = 100;
/** Node keeps them in 32 bits. */
const MOST = 2 ** 31 - 1;

/**
 * Sets what holds for connections; to be called before the server makes its injector.
 *
 * The callers on a connection may give up every call that it may have at once, and that again every second, before it is
 * ended as a flood (CVE-2023-44487). nghttp2's own bound, a thousand at once and 33 a second, ends the connections of mesh
 * sidecars, with the calls of everybody on them, as soon as the upstream is slow and deadlines pass; a call that is given
 * up costs less than one that is answered, and `maxConcurrentStreams` bounds those.
 *
 * Node counts a stream among the open ones until its event loop comes round. A peer at its limit that fills the place of
 * a call in the moment in which it gives it up has the new one refused, and by Node's own bound would lose the connection
 * with the hundredth in a row.
 */
export function setHttp2Options(grpc: GrpcServer, maxConcurrentStreams: number): void {
  const options: unknown = Reflect.get(grpc, 'commonServerOptions');
  if (typeof options !== 'object' || options === null) return;
  const settings: unknown = Reflect.get(options, 'settings');
  const atLeast = (least: number, wanted: number): number => Math.min(Math.max(wanted, least), MOST);
  Object.assign(options, {
    settings: { ...Object(settings), initialWindowSize: REQUEST_WINDOW_BYTES },
    streamResetRate: atLeast(NGHTTP2_RATE, maxConcurrentStreams),
    streamResetBurst: atLeast(NGHTTP2_BURST, 2 * maxConcurrentStreams),
    maxSessionRejectedStreams: atLeast(NODE_REJECTED, maxConcurrentStreams),
  });
}

/** Widens the window of each connection to come; to be called when the server has made its injector. */
export function widenConnections(grpc: GrpcServer): void {
  const servers: unknown = Reflect.get(grpc, 'http2Servers');
  if (!(servers instanceof Map)) return;
  for (const server of servers.keys()) {
    server.on('session', (session: ServerHttp2Session) => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
  }
}
