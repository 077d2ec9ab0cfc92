/** Faults that are a whole HTTP answer, as recorded at the API or at the proxies in front of it. */
import { ApiError, type ErrorType } from '../api-error.ts';

interface HttpFault {
  readonly status: number;
  readonly type: ErrorType;
  readonly message: string;
  /** `error.details`; the API sends null with some types. */
  readonly details?: { readonly error_code: string } | null;
  /** Seconds, where the API names a time. */
  readonly retryAfter?: number;
}

const HTTP_FAULTS = {
  '401': { status: 401, type: 'authentication_error', message: 'invalid x-api-key' },
  '402': { status: 402, type: 'billing_error', message: 'Your payment information is not valid.' },
  '403': {
    status: 403,
    type: 'permission_error',
    message: 'Your API key does not have permission to use the specified resource.',
  },
  '429': {
    status: 429,
    type: 'rate_limit_error',
    message: "This request would exceed your organization's rate limit.",
    retryAfter: 1,
  },
  'spend-limit': {
    status: 429,
    type: 'rate_limit_error',
    message: 'The organization has reached the spend limit of its contract.',
    details: { error_code: 'contract_spend_limit_reached' },
  },
  '500': { status: 500, type: 'api_error', message: 'Internal server error', details: null },
  '503': { status: 503, type: 'api_error', message: 'Service unavailable' },
  '504': { status: 504, type: 'timeout_error', message: 'The request timed out while processing.' },
  '529': { status: 529, type: 'overloaded_error', message: 'Overloaded', details: null },
} as const satisfies Readonly<Record<string, HttpFault>>;

/** Kinds whose answer is an error body of the API. */
export type HttpFaultKind = keyof typeof HTTP_FAULTS;

/** All kinds of the table above. */
export const HTTP_FAULT_KINDS = Object.keys(HTTP_FAULTS) as readonly HttpFaultKind[];

/** The error that the kind stands for. `retryAfter` (seconds) overrides the kind's own. */
export function httpFault(kind: HttpFaultKind, retryAfter?: number): ApiError {
  const fault: HttpFault = HTTP_FAULTS[kind];
  const seconds = retryAfter ?? fault.retryAfter;
  return new ApiError(fault.status, fault.type, fault.message, {
    ...(fault.details !== undefined && { details: fault.details }),
    ...(seconds !== undefined && { headers: { 'retry-after': String(seconds) } }),
  });
}

/** What a proxy says when it cannot reach the API: no JSON, no request id. */
export const BAD_GATEWAY_HTML =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n';
