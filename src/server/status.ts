/**
 * RelayError → what goes on the wire: the gRPC status, the rich error model in `grpc-status-details-bin`, and
 * `grpc-retry-pushback-ms` (gRFC A6), by which callers' own retries wait or stop.
 */
import { Metadata, status } from '@grpc/grpc-js';
import type { Reason, RelayError } from '../completion/errors.ts';
import type { RelayInfoTrace } from '../completion/trace.ts';
import { type Detail, encodeRpcStatus } from './rpc-types.ts';

/** The `domain` of every `ErrorInfo` of the relay. */
export const ERROR_DOMAIN = 'claude-relay';

/**
 * Bounds in bytes. All trailers of a call must fit 8 KiB, which is where Java, C and most proxies stop reading; the
 * message travels twice (percent-encoded up to threefold, then within the details), and the details in base64.
 */
const MAX_DETAILS = 4_200;
const MAX_MESSAGE = 500;
const MAX_VALUE = 256;
/** Of violations and of an error's own metadata; fewer where they are long. */
const MAX_ITEMS = 32;

/** Reasons whose callers are told when to come back even where no upstream said when. https://google.aip.dev/194 */
const RETRY_INFO: ReadonlySet<Reason> = new Set<Reason>([
  'RATE_LIMITED',
  'QUOTA_EXCEEDED',
  'BUDGET_EXCEEDED',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_OVERLOADED',
]);
const DEFAULT_RETRY_DELAY = 1_000;

const QUOTA: ReadonlySet<Reason> = new Set<Reason>(['QUOTA_EXCEEDED', 'BUDGET_EXCEEDED']);

/** What is known of the failed call beside its error. */
export interface ErrorContext {
  readonly requestId: string;
  /** Undefined where the call was refused before its caller was known. */
  readonly tenant: string | undefined;
  readonly trace: RelayInfoTrace;
}

/** Status of a failed call, in the form that grpc-js sends. */
export interface WireStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The status that tells a caller of `error`. Never throws, whatever the strings in it hold. */
export function wireStatus(error: RelayError, context: ErrorContext): WireStatus {
  const code = status[error.status];
  const message = text(error.message, MAX_MESSAGE);
  const metadata = new Metadata();
  metadata.set('x-request-id', context.requestId);
  metadata.set('grpc-status-details-bin', boundedDetails(code, message, error, context));
  const pushback = retryPushback(error);
  if (pushback !== undefined) metadata.set('grpc-retry-pushback-ms', String(pushback));
  return { code, details: message, metadata };
}

function boundedDetails(code: number, message: string, error: RelayError, context: ErrorContext): Buffer {
  for (let items = MAX_ITEMS; ; items = Math.floor(items / 2)) {
    const bytes = encodeRpcStatus(code, message, details(error, context, items));
    if (bytes.length <= MAX_DETAILS || items === 0) return bytes;
  }
}

function details(error: RelayError, context: ErrorContext, maxItems: number): Detail[] {
  const found: Detail[] = [
    {
      type: 'ErrorInfo',
      value: { reason: error.reason, domain: ERROR_DOMAIN, metadata: errorMetadata(error, context, maxItems) },
    },
  ];
  const violations = error.violations.slice(0, maxItems);
  if (violations.length > 0) {
    const fields = violations.map(({ field, description }) => ({
      field: text(field, MAX_VALUE),
      description: text(description, MAX_VALUE),
    }));
    found.push({ type: 'BadRequest', value: { field_violations: fields } });
  }
  if (QUOTA.has(error.reason)) {
    const violation = {
      subject: text(error.metadata['subject'] ?? `tenant:${context.tenant ?? ''}`, MAX_VALUE),
      description: text(error.message, MAX_VALUE),
    };
    found.push({ type: 'QuotaFailure', value: { violations: [violation] } });
  }
  const delay = error.retryAfter ?? (RETRY_INFO.has(error.reason) ? DEFAULT_RETRY_DELAY : undefined);
  if (delay !== undefined) found.push({ type: 'RetryInfo', value: { retry_delay: duration(delay) } });
  return found;
}

function errorMetadata(
  error: RelayError,
  { requestId, trace }: ErrorContext,
  maxItems: number,
): Record<string, string> {
  const { upstream } = error;
  const known: [string, string | number | undefined][] = [
    ['request_id', requestId],
    ['upstream_status', upstream.status ?? trace.upstreamStatus],
    ['upstream_error_type', upstream.type],
    ['upstream_error_code', upstream.code],
    ['upstream_request_id', upstream.requestId ?? trace.upstreamRequestId],
    ['account', trace.account],
    ['region', trace.region],
    ['attempts', trace.attempts],
    ...Object.entries(error.metadata).slice(0, maxItems),
  ];
  const metadata: Record<string, string> = {};
  for (const [key, value] of known) {
    if (value !== undefined && value !== '' && (value !== 0 || key in error.metadata)) {
      metadata[key] = text(String(value), MAX_VALUE);
    }
  }
  return metadata;
}

/**
 * Milliseconds that the caller's gRPC library should wait, or -1 for "do not retry": the relay has retried already,
 * or trying again cannot help. Draining says nothing, so that the caller's own policy takes the call to another replica.
 */
function retryPushback(error: RelayError): number | undefined {
  if (error.reason === 'DRAINING') return undefined;
  if (error.retryAfter === undefined) return -1;
  return Math.min(Math.max(0, Math.ceil(error.retryAfter)), 2 ** 31 - 1);
}

function duration(milliseconds: number): { seconds: number; nanos: number } {
  const whole = Math.max(0, Math.ceil(milliseconds));
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
}

/** Text that protobuf and the percent-encoding of `grpc-message` can carry: no lone surrogates, and of bounded length. */
function text(value: string, maxBytes: number): string {
  const bytes = Buffer.from(value.toWellFormed());
  if (bytes.length <= maxBytes) return bytes.toString();
  // A character that the cut went through becomes U+FFFD.
  return `${bytes.toString('utf8', 0, maxBytes - 3).replace(/\ufffd$/, '')}…`;
}
