/**
 * What can go wrong with a call, as one table. Retry, breakers, metrics and the gRPC edge read the table;
 * nobody compares messages. A reason is never reused for another meaning: callers match on it (`ErrorInfo.reason`).
 */

import type { ResponseHead } from './head.ts';

/** Canonical gRPC status names, https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export type StatusName =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED'
  | 'UNIMPLEMENTED';

/**
 * How far a failure speaks against what served it, which decides what is set aside (design: failure scopes):
 * `endpoint` counts in the breaker, `limit` cools (organization, model) down, `model` marks (region, model)
 * overloaded, `credential` takes the account out, `none` says nothing about the upstream.
 */
export type FailureScope = 'endpoint' | 'limit' | 'model' | 'credential' | 'none';

interface ReasonFacts {
  readonly status: StatusName;
  readonly fault: 'caller' | 'relay' | 'upstream';
  /** Whether another attempt could succeed, as long as nothing has reached the caller. */
  readonly retryable: boolean;
  readonly scope: FailureScope;
}

function facts(
  status: StatusName,
  fault: ReasonFacts['fault'],
  retryable: boolean,
  scope: FailureScope = 'none',
): ReasonFacts {
  return { status, fault, retryable, scope };
}

export const REASONS = {
  INVALID_REQUEST: facts('INVALID_ARGUMENT', 'caller', false),
  REQUEST_TOO_LARGE: facts('RESOURCE_EXHAUSTED', 'caller', false),
  RESPONSE_TOO_LARGE: facts('RESOURCE_EXHAUSTED', 'upstream', false),
  UNAUTHENTICATED: facts('UNAUTHENTICATED', 'caller', false),
  SIGNATURE_STALE: facts('UNAUTHENTICATED', 'caller', false),
  SIGNATURE_REPLAYED: facts('UNAUTHENTICATED', 'caller', false),
  SIGNATURE_MISMATCH: facts('UNAUTHENTICATED', 'caller', false),
  PERMISSION_DENIED: facts('PERMISSION_DENIED', 'caller', false),
  QUOTA_EXCEEDED: facts('RESOURCE_EXHAUSTED', 'caller', false),
  BUDGET_EXCEEDED: facts('RESOURCE_EXHAUSTED', 'caller', false),
  NOT_FOUND: facts('NOT_FOUND', 'caller', false),
  RATE_LIMITED: facts('RESOURCE_EXHAUSTED', 'upstream', true, 'limit'),
  UPSTREAM_UNAVAILABLE: facts('UNAVAILABLE', 'upstream', true, 'endpoint'),
  UPSTREAM_OVERLOADED: facts('UNAVAILABLE', 'upstream', true, 'model'),
  UPSTREAM_CREDENTIALS: facts('UNAVAILABLE', 'upstream', true, 'credential'),
  /** The upstream sent what protobuf cannot carry: half of a surrogate pair whose other half never came. */
  UPSTREAM_INVALID_TEXT: facts('DATA_LOSS', 'upstream', false),
  STREAM_INTERRUPTED: facts('UNAVAILABLE', 'upstream', true, 'endpoint'),
  DEADLINE_EXCEEDED: facts('DEADLINE_EXCEEDED', 'caller', false),
  CANCELLED: facts('CANCELLED', 'caller', false),
  DRAINING: facts('UNAVAILABLE', 'relay', false),
  UNIMPLEMENTED: facts('UNIMPLEMENTED', 'caller', false),
  INTERNAL: facts('INTERNAL', 'relay', false),
} as const satisfies Record<string, ReasonFacts>;

/** A key of the table above: `ErrorInfo.reason` on the wire. */
export type Reason = keyof typeof REASONS;

/** One field that is wrong, as `google.rpc.BadRequest.FieldViolation`: the protobuf path and what to do about it. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** What the upstream said of a failure, as far as it may be passed on to callers: an allow-list, never headers or bodies. */
export interface UpstreamFailure {
  /** HTTP status; absent when no answer came. */
  readonly status?: number;
  /** `error.type` of the API's error body, e.g. `overloaded_error`. */
  readonly type?: string;
  /** `error.details.error_code`, the API's finest distinction. */
  readonly code?: string;
  readonly requestId?: string;
  /** The upstream's `x-should-retry`. */
  readonly shouldRetry?: boolean;
}

export interface RelayErrorOptions {
  /** For the log only; never on the wire. */
  readonly cause?: unknown;
  /** Milliseconds after which trying again makes sense. */
  readonly retryAfter?: number;
  readonly violations?: readonly FieldViolation[];
  readonly upstream?: UpstreamFailure;
  /** Head of the upstream's answer, for pacing and cool-downs; never on the wire. */
  readonly head?: ResponseHead;
  /** Further `ErrorInfo.metadata`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Overrides the table, where the upstream said more precisely whether trying again can help. */
  readonly retryable?: boolean;
  /** Overrides the table, where the same reason has another scope. */
  readonly scope?: FailureScope;
}

/**
 * The one error of the relay. `message` is written for the caller and says what to do; it never holds secrets,
 * prompts or foreign text. Whatever else is thrown is a bug and becomes `INTERNAL` at the edge.
 */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly reason: Reason;
  readonly retryAfter: number | undefined;
  readonly violations: readonly FieldViolation[];
  readonly upstream: UpstreamFailure;
  readonly head: ResponseHead | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryable: boolean;
  readonly scope: FailureScope;

  constructor(reason: Reason, message: string, options: RelayErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.retryAfter = options.retryAfter;
    this.violations = options.violations ?? [];
    this.upstream = options.upstream ?? {};
    this.head = options.head;
    this.metadata = options.metadata ?? {};
    this.retryable = options.retryable ?? REASONS[reason].retryable;
    this.scope = options.scope ?? REASONS[reason].scope;
  }

  get status(): StatusName {
    return REASONS[this.reason].status;
  }

  get fault(): 'caller' | 'relay' | 'upstream' {
    return REASONS[this.reason].fault;
  }
}

/** Turns whatever was thrown into a RelayError; what is not one already is a bug, and only its cause tells of it. */
export function asRelayError(thrown: unknown): RelayError {
  if (thrown instanceof RelayError) return thrown;
  return new RelayError('INTERNAL', 'The relay failed internally. Retry, and report it with the request id.', {
    cause: thrown,
  });
}
