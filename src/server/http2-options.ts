/**
 * What of Node's HTTP/2 a relay needs otherwise than it is, and grpc-js passes no option on for; hence the reach into
 * what it keeps (`test/e2e/core-connection.test.ts` would tell if a release moved it).
 *
 * @see https://nodejs.org/docs/latest/api/http2.html#http2createserveroptions-onrequesthandler
 */
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server as GrpcServer } from '@grpc/grpc-js';

/**
 * What may be on its way in one request, and in all of a connection, in bytes. With the 64 KiB of RFC 9113, 6.9.2, a prompt
 * of a megabyte takes sixteen round trips, and all callers behind a mesh sidecar share them. What arrives is read at once,
 * and `max_arriving_bytes` bounds it: windows bound nothing here.
 */
const REQUEST_WINDOW_BYTES = 2 ** 20;
const CONNECTION_WINDOW_BYTES = 2 ** 23;

/**
 * Calls that the callers on a connection may give up: a second, and at once, before it is ended as a flood
 * (CVE-2023-44487). nghttp2's own 33 and 1,000 end the connections of mesh sidecars, with the calls of everybody on them,
 * as soon as the upstream is slow and deadlines pass. One that is given up costs less than one that is answered.
 */
const RESETS_A_SECOND = 3_000;
const RESETS_AT_ONCE = 10_000;

/**
 * Metadata is bounded when it is read, with a reason (`caller-metadata.ts`). Node would refuse a call of 128 pairs without
 * one. Whoever sends a value beyond nghttp2's 64 KB loses the connection: Node tells of that bound only where it is set.
 */
const HEADER_LIST_BYTES = 65_535;
const HEADER_PAIRS = 512;

/** Node keeps its options in 32 bits. */
const MOST = 2 ** 31 - 1;

/**
 * Sets what holds for connections; to be called before the server makes its injector.
 *
 * Node counts a stream among the open ones until its event loop comes round. A peer at its limit that fills the place of
 * a call in the moment in which it gives it up has the new one refused, and by Node's own bound would lose the connection
 * with the hundredth in a row.
 */
export function setHttp2Options(grpc: GrpcServer, maxConcurrentStreams: number): void {
  const options: unknown = Reflect.get(grpc, 'commonServerOptions');
  if (typeof options !== 'object' || options === null) return;
  const settings: unknown = Reflect.get(options, 'settings');
  Object.assign(options, {
    settings: { ...Object(settings), initialWindowSize: REQUEST_WINDOW_BYTES, maxHeaderListSize: HEADER_LIST_BYTES },
    maxHeaderListPairs: HEADER_PAIRS,
    streamResetRate: RESETS_A_SECOND,
    streamResetBurst: Math.min(Math.max(RESETS_AT_ONCE, 2 * maxConcurrentStreams), MOST),
    maxSessionRejectedStreams: Math.max(RESETS_AT_ONCE, maxConcurrentStreams),
  });
}

/** Sees to each connection and call to come; to be called when the server has made its injector. */
export function watchHttp2(grpc: GrpcServer): void {
  const servers: unknown = Reflect.get(grpc, 'http2Servers');
  if (!(servers instanceof Map)) return;
  for (const server of servers.keys()) {
    server.on('session', (session: ServerHttp2Session) => {
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      pingOnlyWhileOpen(session);
    });
    server.prependListener('stream', (_stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      boundTimeout(headers),
    );
  }
}

const NO_PAYLOAD = Buffer.alloc(8);

/**
 * grpc-js goes on pinging a connection that it has told to go away, for its age or at a drain. Node pings none that is
 * closing, which grpc-js takes for a dead peer: it would cut the calls that are to come to their end there.
 */
function pingOnlyWhileOpen(session: ServerHttp2Session): void {
  const ping = session.ping.bind(session);
  Reflect.set(session, 'ping', (answered: (error: Error | null, duration: number, payload: Buffer) => void) => {
    if (!session.closed || session.destroyed) return ping(answered);
    setImmediate(answered, null, 0, NO_PAYLOAD);
    return true;
  });
}

const TIMEOUT = 'grpc-timeout';
/** A good three weeks, which is what Node's timers hold. */
const LONGEST_TIMEOUT = '2147483S';
const UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/** grpc-js counts timeouts in 32 bits: one of a month would be over at once. */
function boundTimeout(headers: IncomingHttpHeaders): void {
  const timeout = headers[TIMEOUT];
  if (typeof timeout !== 'string') return;
  const unit = UNITS_MS[timeout.slice(-1)];
  if (unit !== undefined && Number(timeout.slice(0, -1)) * unit > MOST) headers[TIMEOUT] = LONGEST_TIMEOUT;
}
