/** What the relay takes from a caller's metadata: its request id and its W3C trace context, and how much it takes. */
import { randomUUID } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import type { TraceContext } from '../completion/call.ts';
import { RelayError } from '../completion/errors.ts';

/**
 * Of one call in bytes, names included: four times what gRPC's own libraries take by default. HTTP/2 would let a header
 * block of ten kilobytes unfold to half a megabyte, and every call keeps its metadata.
 */
const MAX_METADATA_BYTES = 32 * 1024;

/** Throws REQUEST_TOO_LARGE where a call brings more metadata than any should. */
export function requireBounded(metadata: Metadata): void {
  let size = 0;
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    for (const value of values) size += name.length + value.length;
  }
  if (size <= MAX_METADATA_BYTES) return;
  throw new RelayError(
    'REQUEST_TOO_LARGE',
    `The metadata of the call is larger than ${MAX_METADATA_BYTES} bytes. Send less of it.`,
    { metadata: { max_metadata_bytes: String(MAX_METADATA_BYTES) } },
  );
}

const REQUEST_ID = /^[!-~]{1,128}$/;

/** The caller's `x-request-id` where it is 1 to 128 printable characters without space and given once, else a new one. */
export function requestId(metadata: Metadata): string {
  const given = metadata.get('x-request-id');
  const [id] = given;
  return given.length === 1 && typeof id === 'string' && REQUEST_ID.test(id) ? id : randomUUID();
}

// https://www.w3.org/TR/trace-context/#traceparent-header: version 00 has four parts, later ones may have more;
// version ff and identifiers of zeros alone are invalid.
const TRACEPARENT =
  /^(?!ff)(?:00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}|(?!00)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?)$/;
const MAX_TRACEPARENT = 256;
const MAX_TRACESTATE = 512;
const LARGE_MEMBER = 128;
const NO_TRACE: TraceContext = {};

/**
 * The trace context of the call. As the specification asks, an invalid `traceparent` is as good as none, and
 * `tracestate` counts only beside a valid one.
 */
export function traceContext(metadata: Metadata): TraceContext {
  const [traceparent, second] = metadata.get('traceparent');
  if (typeof traceparent !== 'string' || second !== undefined) return NO_TRACE;
  if (traceparent.length > MAX_TRACEPARENT || !TRACEPARENT.test(traceparent)) return NO_TRACE;
  const tracestate = boundedState(metadata.get('tracestate').join(','));
  return tracestate === '' ? { traceparent } : { traceparent, tracestate };
}

/** At most 512 characters: members beyond 128 go first, then the last ones. https://www.w3.org/TR/trace-context/#tracestate-limits */
function boundedState(state: string): string {
  if (state.length <= MAX_TRACESTATE) return state;
  const members = state.split(',').filter((member) => member.length <= LARGE_MEMBER);
  let bounded = members.join(',');
  while (bounded.length > MAX_TRACESTATE) bounded = bounded.slice(0, bounded.lastIndexOf(','));
  return bounded;
}
