import type { CachePolicy } from './cache-policy.ts';
import type { RoutingHints } from './routing.ts';
import type { RelayInfoTrace } from './trace.ts';

/** Which upstream resource a call is for. */
export type Operation = 'messages' | 'count_tokens' | 'models';

/** The `RelayOptions` of the request, complete: what the caller left out has its default. */
export interface CallOptions {
  /** Values for the `anthropic-beta` header. */
  readonly betas: readonly string[];
  /** `anthropic-version` header, e.g. `2023-06-01`. */
  readonly apiVersion: string;
}

/** W3C trace context as it came, passed on upstream. https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/**
 * One request on its way through the layers. Immutable but for `trace`; a layer that must change something
 * (an attempt's own signal) hands on a copy: `next({ ...call, signal })`.
 */
export interface Call {
  /** The relay's id of the call: the caller's `x-request-id`, or a new one. */
  readonly id: string;
  readonly operation: Operation;
  /** Upstream JSON text, deterministic, without `stream`. For `models`, the query string without `?`. */
  readonly body: string;
  /**
   * Digest, in hex, of everything that the answer may depend on (body, operation, version, betas, region) and of whom it
   * may be shown to; computed once, when first asked for.
   */
  readonly digest: () => string;
  /** Model id as the caller named it; empty for `models`. */
  readonly model: string;
  /** `max_tokens` of the request; 0 where the operation has none. */
  readonly maxTokens: number;
  /** Whether the caller wants events as they come. A service may answer in either form all the same. */
  readonly wantsStream: boolean;
  readonly tenant: string;
  readonly options: CallOptions;
  readonly routing: RoutingHints;
  readonly cache: CachePolicy;
  /**
   * Whether the answer follows from the request alone. Not where tools run upstream, or where the request names state
   * that the upstream keeps (containers, threads): such answers are nobody else's.
   */
  readonly selfContained: boolean;
  readonly traceContext: TraceContext;
  /** When the caller's deadline falls, in `performance.now()` milliseconds; `Infinity` without one. */
  readonly deadline: number;
  /** Aborts with a RelayError as its reason: cancellation, deadline, drain. */
  readonly signal: AbortSignal;
  /** What happened to the call so far: becomes `RelayInfo` and the log line. */
  readonly trace: RelayInfoTrace;
}
