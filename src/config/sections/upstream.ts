import type { z } from 'zod';
import { choice, count, duration, figure, filePath, flag, secret, section } from '../fields.ts';
import { type Finding, rule } from '../rule.ts';

const pool = section({
  max_connections: count({ min: 1, max: 65_535 }).prefault(100).describe('Connections to one endpoint.'),
  idle_timeout: duration({ min: '1ms', why: 'For a new connection each time, set max_requests_per_connection: 1.' })
    .prefault('90s')
    .describe('Time after which an idle connection is closed.'),
  tls_handshake_timeout: duration({ min: '10ms', why: 'Hardly any connection would come about in less.' })
    .prefault('5s')
    .describe('Time that connecting may take, TLS included.'),
  max_requests_per_connection: count({ min: 1 })
    .prefault(50)
    .describe('Requests after which a connection is replaced, so that a change of DNS is noticed.'),
  http2: flag().prefault(false).describe('Offers HTTP/2 to the upstream.'),
});

const retry = section({
  max_attempts: count({ min: 1, max: 20 }).prefault(4).describe('Attempts for one call, the first included.'),
  min_delay: duration().prefault('100ms').describe('Shortest delay before another attempt at a busy upstream.'),
  base_delay: duration().prefault('500ms').describe('Longest delay before the second attempt; doubles with each.'),
  max_delay: duration().prefault('5s').describe('Bound on that doubling.'),
  budget_ratio: figure({ max: 1 })
    .prefault(0.2)
    .describe('Retries allowed for each call, over time: 0.2 is one for five. 0 turns retries off.'),
})
  .check(rule([['min_delay'], ['max_delay']], delaysFit))
  .check(rule([['base_delay'], ['max_delay']], baseFits));

function* delaysFit(settings: { min_delay: number; max_delay: number }): Iterable<Finding> {
  if (settings.min_delay > settings.max_delay)
    yield {
      paths: [['min_delay'], ['max_delay']],
      message: 'min_delay is above max_delay. Lower one or raise the other.',
    };
}

function* baseFits(settings: { base_delay: number; max_delay: number }): Iterable<Finding> {
  if (settings.base_delay > settings.max_delay)
    yield {
      paths: [['base_delay'], ['max_delay']],
      message: 'base_delay is above max_delay. Lower one or raise the other.',
    };
}

const breaker = section({
  error_threshold_percent: count({ min: 1, max: 100 }).prefault(50).describe('Share of failures that opens a breaker.'),
  minimum_requests: count({ min: 1 }).prefault(5).describe('Requests within the window before the share counts.'),
  window: duration({ min: '100ms', why: 'Less holds too few requests to count a share of.' })
    .prefault('10s')
    .describe('Time over which failures are counted.'),
  open_for: duration({
    min: '10ms',
    why: 'No endpoint recovers in less.',
  })
    .prefault('10s')
    .describe('Time before an open breaker lets a trial through; grows while trials fail.'),
});

const signing = section({
  secret: secret().describe('Secret of the signatures. CLAUDE_SECRET overrides it.'),
  secret_file: filePath().optional().describe('File that holds the secret.'),
});

export const upstreamSettings = section({
  pool: pool.prefault({}).describe('Connections to each endpoint.'),
  request_compression: choice(['none', 'gzip', 'zstd'])
    .prefault('none')
    .describe('Encoding of request bodies: none, gzip or zstd. An endpoint that answers 415 gets none from then on.'),
  timeout: duration({ min: '1ms', why: 'With 0, no answer could be in time.' })
    .prefault('10m')
    .describe(
      'Longest wait for an answer to begin, and longest silence within a whole one. How long a stream may go on, the deadlines of callers say.',
    ),
  stream_idle_timeout: duration({ min: '1ms', why: 'With 0, every stream would count as dead.' })
    .prefault('2m')
    .describe(
      'Silence in a stream after which its connection counts as dead. The upstream pings more often than that.',
    ),
  stream_unary_above: count()
    .prefault(4096)
    .describe('max_tokens above which a unary call is asked for as a stream upstream, so that no idle timer cuts it.'),
  retry: retry.prefault({}).describe('Further attempts after a failure.'),
  breaker: breaker.prefault({}).describe('When an endpoint is set aside.'),
  signing: signing
    .optional()
    .describe('HMAC-SHA256 headers toward upstreams that ask for them, e.g. a company gateway.'),
});

/** Defaults for every endpoint. */
export function upstreamConfig(settings: z.output<typeof upstreamSettings>) {
  const { pool, retry, breaker, signing } = settings;
  return {
    pool: {
      maxConnections: pool.max_connections,
      idleTimeoutMs: pool.idle_timeout,
      tlsHandshakeTimeoutMs: pool.tls_handshake_timeout,
      maxRequestsPerConnection: pool.max_requests_per_connection,
      http2: pool.http2,
    },
    requestCompression: settings.request_compression,
    timeoutMs: settings.timeout,
    streamIdleTimeoutMs: settings.stream_idle_timeout,
    streamUnaryAbove: settings.stream_unary_above,
    retry: {
      maxAttempts: retry.max_attempts,
      minDelayMs: retry.min_delay,
      baseDelayMs: retry.base_delay,
      maxDelayMs: retry.max_delay,
      budgetRatio: retry.budget_ratio,
    },
    breaker: {
      errorThresholdPercent: breaker.error_threshold_percent,
      minimumRequests: breaker.minimum_requests,
      windowMs: breaker.window,
      openForMs: breaker.open_for,
    },
    /** Undefined: requests are not signed. */
    signing: signing && { secret: signing.secret },
  };
}

export type UpstreamConfig = ReturnType<typeof upstreamConfig>;
