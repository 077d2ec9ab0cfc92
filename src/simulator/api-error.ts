/** The API's `error.type` values that the simulator answers with. */
export type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'billing_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'timeout_error'
  | 'api_error'
  | 'overloaded_error'
  | 'conflict_error';

/** `error.details`: the finest distinction that the API makes. */
export interface ErrorDetails {
  readonly error_code: string;
}

/** What an error carries beyond status, type and message. */
export interface ApiErrorOptions {
  readonly details?: ErrorDetails | null;
  /** Headers beside those of every answer, e.g. `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Statuses that the recorded answers mark as worth trying again, or not, in `x-should-retry`. */
const SHOULD_RETRY: Readonly<Record<number, 'true' | 'false'>> = {
  400: 'false',
  401: 'false',
  403: 'false',
  404: 'false',
  429: 'true',
  500: 'true',
  529: 'true',
};

/** A refusal in the API's own form: HTTP status, `error.type`, message, and what else goes into the answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly type: ErrorType;
  readonly details: ErrorDetails | null | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, type: ErrorType, message: string, options: ApiErrorOptions = {}) {
    super(message);
    this.status = status;
    this.type = type;
    this.details = options.details;
    const shouldRetry = SHOULD_RETRY[status];
    this.headers = { ...(shouldRetry && { 'x-should-retry': shouldRetry }), ...options.headers };
  }

  /** The body of the answer, as an object: a batch result nests it. */
  body(requestId: string | null): object {
    const details = this.details === undefined ? {} : { details: this.details };
    return {
      type: 'error',
      error: { ...details, type: this.type, message: this.message },
      request_id: requestId,
    };
  }
}

/** 400 `invalid_request_error`, the answer to nearly everything that is wrong with a request. */
export function invalidRequest(message: string, errorCode?: string): ApiError {
  return new ApiError(
    400,
    'invalid_request_error',
    message,
    errorCode === undefined ? {} : { details: { error_code: errorCode } },
  );
}

/** 404 `not_found_error`: path, model or id unknown. */
export function notFound(message: string): ApiError {
  return new ApiError(404, 'not_found_error', message);
}
