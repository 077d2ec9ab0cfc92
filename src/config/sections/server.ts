import type { z } from 'zod';
import { address, count, duration, durationOrOff, filePath, flag, section, size } from '../fields.ts';

const tls = section({
  cert_file: filePath().describe('Certificate chain in PEM.'),
  key_file: filePath().describe('Private key of the certificate, in PEM.'),
  client_ca_file: filePath()
    .optional()
    .describe('Authorities in PEM whose client certificates are accepted. Turns on mTLS.'),
});

/** A JSON body is held as one string, and V8 holds none much longer than 2^29 characters. */
const LARGEST_MESSAGE = 256 * 2 ** 20;

export const serverSettings = section({
  listen: address()
    .prefault('127.0.0.1:50051')
    .describe('Where gRPC is served, as HOST:PORT. RELAY_LISTEN overrides it.'),
  tls: tls.optional().describe('Serves TLS; without it, plain text.'),
  allow_anonymous: flag()
    .prefault(false)
    .describe('Allows a listener beyond loopback with no tenant configured, where anyone who reaches it may spend.'),
  reflection: flag().prefault(true).describe('Serves gRPC server reflection.'),
  max_request_bytes: size({ min: 1, max: LARGEST_MESSAGE }).prefault(33_554_432).describe('Largest request accepted.'),
  max_response_bytes: size({ min: 1, max: LARGEST_MESSAGE })
    .prefault(10_485_760)
    .describe('Largest upstream answer read, whole or streamed; what goes beyond is cut with RESPONSE_TOO_LARGE.'),
  request_timeout: duration({ min: '1ms', why: 'With 0, no request could arrive in time.' })
    .prefault('60s')
    .describe('Time in which a request must have arrived; a call that takes longer is ended.'),
  max_arriving_bytes: size({ min: 1 })
    .prefault(268_435_456)
    .describe(
      'Memory for requests that are still arriving, all together, at least twice max_request_bytes. Beyond it, the one that has been on its way longest is ended.',
    ),
  max_connections: count({ min: 1 })
    .prefault(10_000)
    .describe('Connections at once; further ones are closed. Each takes a file descriptor: see ulimit -n.'),
  max_concurrent_streams: count({ min: 1, max: 2 ** 31 - 1 })
    .prefault(10_000)
    .describe(
      'Calls under way at once on one connection. A mesh sidecar puts all its callers on a few; leave room, since calls that are given up count for a moment longer.',
    ),
  keepalive_time: duration({ min: '100ms', why: 'A shorter one would ping without end.' })
    .prefault('30s')
    .describe('Silence after which a connection is pinged.'),
  keepalive_timeout: duration({
    min: '100ms',
    why: 'A shorter one would close sound connections.',
  })
    .prefault('20s')
    .describe('Time a ping may go unanswered before the connection is closed.'),
  max_connection_age: durationOrOff({
    min: '100ms',
    why: 'Callers would do little but connect. To keep connections, write off.',
  })
    .prefault('30m')
    .describe('Age at which a connection is told to go away, so that callers spread over new replicas; or off.'),
  max_connection_age_grace: durationOrOff()
    .prefault('off')
    .describe('Time that calls under way then have before they are cut; off lets them end by themselves.'),
  drain_timeout: duration().prefault('30s').describe('Time that calls under way have at shutdown.'),
});

/** What the gRPC listener needs. A connection age of `Infinity` is none. */
export function serverConfig(settings: z.output<typeof serverSettings>) {
  return {
    listen: settings.listen,
    tls: settings.tls && {
      certFile: settings.tls.cert_file,
      keyFile: settings.tls.key_file,
      clientCaFile: settings.tls.client_ca_file,
    },
    allowAnonymous: settings.allow_anonymous,
    reflection: settings.reflection,
    maxRequestBytes: settings.max_request_bytes,
    maxResponseBytes: settings.max_response_bytes,
    requestTimeoutMs: settings.request_timeout,
    maxArrivingBytes: settings.max_arriving_bytes,
    maxConnections: settings.max_connections,
    maxConcurrentStreams: settings.max_concurrent_streams,
    keepaliveTimeMs: settings.keepalive_time,
    keepaliveTimeoutMs: settings.keepalive_timeout,
    maxConnectionAgeMs: settings.max_connection_age,
    maxConnectionAgeGraceMs: settings.max_connection_age_grace,
    drainTimeoutMs: settings.drain_timeout,
  };
}

export type ServerConfig = ReturnType<typeof serverConfig>;
