import { errors } from 'undici';
import { type Reason, RelayError } from '../completion/errors.ts';
import type { ResponseHead } from '../completion/head.ts';

/** Where an answer broke: which endpoint, and the head if one had come. */
export interface Broken {
  readonly metadata: Readonly<Record<string, string>>;
  readonly head?: ResponseHead;
  readonly cause?: unknown;
}

/** An error of the upstream that its API did not word itself. */
export function upstreamError(reason: Reason, message: string, { metadata, head, cause }: Broken): RelayError {
  const requestId = head?.headers['request-id'];
  return new RelayError(reason, message, {
    metadata,
    cause,
    ...(head !== undefined && {
      head,
      upstream: { status: head.status, ...(requestId !== undefined && { requestId }) },
    }),
  });
}

/** What went wrong on the way to an answer, by the code of the error: undici's, Node's or OpenSSL's. */
const MESSAGES: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'The upstream did not complete the connection in time. Retry.',
  ETIMEDOUT: 'The upstream did not complete the connection in time. Retry.',
  UND_ERR_HEADERS_TIMEOUT: 'The upstream did not begin to answer in time. Retry, and stream where the answer is long.',
  UND_ERR_BODY_TIMEOUT: 'The upstream fell silent in the middle of its answer. Retry.',
  UND_ERR_SOCKET: 'The upstream closed the connection. Retry.',
  ECONNRESET: 'The upstream closed the connection. Retry.',
  EPIPE: 'The upstream closed the connection. Retry.',
  ECONNREFUSED: 'The upstream accepts no connections. Retry.',
  ENOTFOUND: "The upstream's host name cannot be resolved. Retry; the operator must check the base URL.",
  EAI_AGAIN: "The upstream's host name cannot be resolved at the moment. Retry.",
};

/** The connection could not be made, or broke before the answer was whole. */
export function transportError(thrown: unknown, where: Broken): RelayError {
  if (thrown instanceof RelayError) return thrown;
  const code = codeOf(thrown);
  if (code === 'UND_ERR_INVALID_ARG') {
    return new RelayError(
      'INVALID_REQUEST',
      'A beta, the API version, the request id or the trace context holds characters that HTTP headers cannot carry.',
      { cause: thrown, metadata: where.metadata },
    );
  }
  const message = MESSAGES[code] ?? 'The connection to the upstream failed. Retry.';
  if (where.head === undefined && isStale(thrown)) {
    const { metadata } = where;
    return new RelayError('UPSTREAM_UNAVAILABLE', message, { metadata, cause: thrown, scope: 'none', retryAfter: 0 });
  }
  return upstreamError('UPSTREAM_UNAVAILABLE', message, { ...where, cause: withoutContent(thrown, code) });
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}

/** undici's parser errors carry the bytes that they could not parse: somebody's answer, which must not get into a log. */
function withoutContent(thrown: unknown, code: string): unknown {
  return thrown instanceof Error && 'data' in thrown ? new Error(`${code}: ${thrown.message}`) : thrown;
}

/**
 * Whether a connection that had answered before was closed in the place of an answer. Servers close connections that are
 * idle, some just as the next request is on its way (RFC 9112, 9.3.1): that tells nothing of the endpoint, and calls for no
 * pause.
 */
function isStale(thrown: unknown): boolean {
  return thrown instanceof errors.SocketError && (thrown.socket?.bytesRead ?? 0) > 0;
}
