/** Counts and logs every call once, whichever way it ends. To stand above all layers, so that their refusals count. */
import type { Call, Operation, TraceContext } from '../completion/call.ts';
import { asRelayError, RelayError } from '../completion/errors.ts';
import { type Settlement, whenSettled } from '../completion/reply.ts';
import type { Layer } from '../completion/service.ts';
import type { CacheStatus, RelayInfoTrace } from '../completion/trace.ts';
import type { Usage } from '../completion/usage.ts';

/** Of the metrics, what calls bear on. Durations are milliseconds. */
export interface CallMetrics {
  readonly callBegun: (isStream: boolean) => void;
  readonly callEnded: (isStream: boolean) => void;
  readonly callCounted: (figures: {
    readonly status: RelayError['status'] | 'OK';
    readonly total: number;
    readonly overhead?: number;
  }) => void;
  readonly cacheLookup: (status: CacheStatus) => void;
  readonly tokensUsed: (tenant: string, model: string, usage: Usage) => void;
  readonly costIncurred: (tenant: string, model: string, usd: number) => void;
  readonly costSaved: (tenant: string, model: string, usd: number) => void;
}

/** One line of the log; durations are milliseconds. */
export interface CallLine {
  readonly status: string;
  readonly reason: string | undefined;
  readonly request_id: string;
  /** Of the caller's `traceparent`; absent where it sent none. */
  readonly trace_id: string | undefined;
  readonly operation: string;
  readonly stream: boolean;
  readonly tenant: string;
  readonly model: string;
  readonly account: string;
  readonly region: string;
  readonly upstream_request_id: string;
  readonly upstream_status: number;
  readonly attempts: number;
  readonly cache: CacheStatus;
  readonly total_ms: number;
  readonly upstream_ms: number;
  readonly queued_ms: number;
  readonly first_byte_ms: number | undefined;
  readonly usage: Usage;
}

export interface ObserveOptions {
  /** Milliseconds on the scale of `performance.now()`. */
  readonly now: () => number;
  readonly metrics: CallMetrics;
  readonly log: (level: 'info' | 'warn' | 'error', line: CallLine) => void;
  /** What usage of a call is worth in USD; undefined where that is not known. */
  readonly priceOf: (call: Call, usage: Usage) => number | undefined;
}

/** A call that ended before any layer saw it: not authenticated, malformed, too large, draining. */
export interface Refused {
  readonly id: string;
  readonly operation?: Operation;
  readonly tenant?: string;
  readonly error: RelayError;
  readonly trace: RelayInfoTrace;
}

export interface Observer {
  readonly layer: Layer;
  readonly refused: (refusal: Refused) => void;
}

const NOTHING: Usage = {};
/** Model ids are the caller's own text until somebody has checked them. */
const MAX_MODEL = 128;

/** Observes calls; the two functions together see each call exactly once. */
export function observe({ now, metrics, log, priceOf }: ObserveOptions): Observer {
  function ended(call: Call, error: RelayError | undefined, usage: Usage): void {
    const { trace, wantsStream } = call;
    const total = now() - trace.startedAt;
    metrics.callEnded(wantsStream);
    metrics.callCounted({
      status: error?.status ?? 'OK',
      total,
      overhead: Math.max(0, total - trace.upstreamTime - trace.queued),
    });
    metrics.cacheLookup(trace.cacheStatus);
    if (call.operation === 'messages') countUsage(call, usage);
    log(levelOf(error), lineOf(call, trace, error, total, usage));
  }

  function countUsage(call: Call, usage: Usage): void {
    const usd = priceOf(call, usage);
    if (isFromCache(call.trace.cacheStatus)) {
      // What a shared or kept answer used was counted when it was made.
      if (usd !== undefined) metrics.costSaved(call.tenant, call.model, usd);
      return;
    }
    metrics.tokensUsed(call.tenant, call.model, usage);
    if (usd !== undefined) metrics.costIncurred(call.tenant, call.model, usd);
  }

  return {
    layer: (next) => (call) => {
      metrics.callBegun(call.wantsStream);
      return next(call).then(
        (reply) => {
          whenSettled(reply, (settlement) => ended(call, errorOf(settlement, call.signal), settlement.usage));
          return reply;
        },
        (thrown: unknown) => {
          ended(call, asRelayError(thrown), NOTHING);
          throw thrown;
        },
      );
    },
    refused: ({ id, operation = '', tenant = '', error, trace }) => {
      const total = now() - trace.startedAt;
      metrics.callCounted({ status: error.status, total });
      const subject = { id, operation, wantsStream: false, tenant, model: '' };
      log(levelOf(error), lineOf(subject, trace, error, total, NOTHING));
    },
  };
}

function isFromCache(status: CacheStatus): boolean {
  return status === 'HIT' || status === 'SIMILAR' || status === 'COALESCED';
}

/** Why an answer did not reach its end; undefined if it did. */
function errorOf({ outcome, error }: Settlement, signal: AbortSignal): RelayError | undefined {
  if (outcome === 'delivered') return undefined;
  if (outcome === 'abandoned' && signal.reason instanceof RelayError) return signal.reason;
  return error ?? new RelayError('CANCELLED', 'The answer was not read to its end.');
}

function levelOf(error: RelayError | undefined): 'info' | 'warn' | 'error' {
  if (error === undefined || error.fault === 'caller') return 'info';
  return error.reason === 'INTERNAL' ? 'error' : 'warn';
}

/** Where the trace id stands in a `traceparent`: https://www.w3.org/TR/trace-context/#traceparent-header-field-values */
const TRACE_ID = { start: 3, end: 35 };

/** What a line is about. */
type Subject = Pick<Call, 'id' | 'wantsStream' | 'tenant' | 'model'> & {
  readonly operation: string;
  readonly traceContext?: TraceContext;
};

function lineOf(
  { id, operation, wantsStream, tenant, model, traceContext }: Subject,
  trace: RelayInfoTrace,
  error: RelayError | undefined,
  total: number,
  usage: Usage,
): CallLine {
  return {
    status: error?.status ?? 'OK',
    reason: error?.reason,
    request_id: id,
    trace_id: traceContext?.traceparent?.slice(TRACE_ID.start, TRACE_ID.end),
    account: trace.account,
    region: trace.region,
    upstream_request_id: trace.upstreamRequestId,
    upstream_status: trace.upstreamStatus,
    attempts: trace.attempts,
    cache: trace.cacheStatus,
    total_ms: rounded(total),
    upstream_ms: rounded(trace.upstreamTime),
    queued_ms: rounded(trace.queued),
    first_byte_ms: trace.timeToFirstByte === undefined ? undefined : rounded(trace.timeToFirstByte),
    operation,
    stream: wantsStream,
    tenant,
    model: model.slice(0, MAX_MODEL),
    usage,
  };
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
