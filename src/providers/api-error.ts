import { type FieldViolation, type Reason, RelayError, type RelayErrorOptions, REASONS } from '../completion/errors.ts';
import type { ResponseHead } from '../completion/head.ts';
import { retryAfterMs } from '../completion/retry-after.ts';

/**
 * What each refusal of the Messages API means here: by `error.details.error_code` first, then by `error.type`, then by
 * status, as the vendor asks (reference: messages-api 4.1 and 4.2). Messages are ours; of the upstream's text only what it
 * says about the caller's own request is passed on, as field violations.
 */
interface Meaning extends Pick<RelayErrorOptions, 'retryable' | 'scope'> {
  readonly reason: Reason;
  readonly message: string;
}

const INVALID: Meaning = {
  reason: 'INVALID_REQUEST',
  message: 'The upstream refused the request as invalid. Correct what the field violations name.',
};

const TOO_LARGE: Meaning = {
  reason: 'REQUEST_TOO_LARGE',
  message: 'The request is larger than the upstream accepts. Send less, or use files.',
};

const CREDENTIALS: Meaning = {
  reason: 'UPSTREAM_CREDENTIALS',
  message: "The upstream refused the relay's credential. The operator must renew or replace it.",
};

const BILLING: Meaning = {
  reason: 'UPSTREAM_CREDENTIALS',
  message: 'The upstream cannot bill the account. The operator must see to its payment.',
};

const ON_HOLD: Meaning = {
  reason: 'UPSTREAM_CREDENTIALS',
  message: 'The upstream does not serve the account as it is set up. The operator must see to it.',
};

/**
 * A 403 speaks of what was asked for (a model, a feature) with this key. Taking the key out for it would let one caller
 * who asks for a forbidden model stop all others (reference: peers 3.10), so it is about the request.
 */
const FORBIDDEN: Meaning = {
  reason: 'PERMISSION_DENIED',
  message: 'The upstream account is not allowed what the request asks for. Ask for another model or feature.',
};

const NOT_FOUND: Meaning = {
  reason: 'NOT_FOUND',
  message: 'The upstream does not know what the request names. Check the model id, and file or thread ids.',
};

/** Not said by the API itself, but by whatever stands at a wrong address. */
const MISPLACED: Meaning = {
  reason: 'UPSTREAM_UNAVAILABLE',
  message: 'The endpoint did not answer as the Messages API does. Retry; the operator must check its base URL.',
};

/** Says nothing about the endpoint: it was another request that was in the way. */
const CONFLICT: Meaning = {
  reason: 'UPSTREAM_UNAVAILABLE',
  scope: 'none',
  message: 'The request met a concurrent change upstream. Retry.',
};

const RATE_LIMITED: Meaning = {
  reason: 'RATE_LIMITED',
  message: 'The upstream rate limit is reached. Retry after the given delay.',
};

/** Waiting minutes cannot cure it: the account is set aside, and others may serve. */
const SPENT: Meaning = {
  reason: 'RATE_LIMITED',
  scope: 'credential',
  message: 'The upstream account has reached a spend limit. The operator must raise it, or wait for the next period.',
};

const UNAVAILABLE: Meaning = { reason: 'UPSTREAM_UNAVAILABLE', message: 'The upstream failed. Retry.' };

const TIMED_OUT: Meaning = {
  reason: 'UPSTREAM_UNAVAILABLE',
  message: 'The upstream took too long. Retry, and stream where the answer is long.',
};

const OVERLOADED: Meaning = { reason: 'UPSTREAM_OVERLOADED', message: 'The upstream is overloaded. Retry later.' };

const BY_CODE: ReadonlyMap<string, Meaning> = named({
  claude_code_key_creator_not_member: ON_HOLD,
  cmek_key_disabled: ON_HOLD,
  cmek_key_network_blocked: ON_HOLD,
  organization_on_hold: ON_HOLD,
  linked_organization_billing_unavailable: BILLING,
  linked_organization_spend_limit_reached: SPENT,
  contract_spend_limit_reached: SPENT,
  enforced_spend_limit_reached: SPENT,
  request_body_too_large_after_decoding: TOO_LARGE,
  // A 409 that the SDKs retry in vain.
  skill_read_blocked_undecryptable: { ...CONFLICT, retryable: false },
  // It is compaction that cannot be had: the model itself is not overloaded.
  compaction_unavailable: { ...OVERLOADED, scope: 'none' },
});

/** `invalid_request_error` is left out: it is also the type of every refusal that has no type of its own. */
const BY_TYPE: ReadonlyMap<string, Meaning> = named({
  authentication_error: CREDENTIALS,
  billing_error: BILLING,
  permission_error: FORBIDDEN,
  not_found_error: NOT_FOUND,
  conflict_error: CONFLICT,
  request_too_large: TOO_LARGE,
  rate_limit_error: RATE_LIMITED,
  api_error: UNAVAILABLE,
  timeout_error: TIMED_OUT,
  overloaded_error: OVERLOADED,
});

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  401: CREDENTIALS,
  402: BILLING,
  // Without the API's own `permission_error`: a gateway or firewall that refuses this key or address altogether.
  403: CREDENTIALS,
  404: MISPLACED,
  408: TIMED_OUT,
  409: CONFLICT,
  413: TOO_LARGE,
  429: RATE_LIMITED,
  // Some proxy between gave up, and blames its client.
  499: { ...UNAVAILABLE, scope: 'none' },
  504: TIMED_OUT,
  529: OVERLOADED,
};

/** A map, because names come from outside: an object would find `constructor`. */
function named(meanings: Readonly<Record<string, Meaning>>): ReadonlyMap<string, Meaning> {
  return new Map(Object.entries(meanings));
}

function meaningOfStatus(status: number): Meaning {
  const known = BY_STATUS[status];
  if (known !== undefined) return known;
  if (status < 400) return MISPLACED;
  return status < 500 ? INVALID : UNAVAILABLE;
}

/** A limit that the customer set for the account comes as a 400 without a code: only its text tells it apart. */
const OWN_SPEND_LIMIT = /^You have reached your specified API usage limits/;

const REGAINED = /regain access on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) UTC/;

/** `messages.0.content: …`: the API's validation messages begin with the path of the field. */
const FIELD_PATH = /^([a-z_][a-z0-9_]*(?:\.\w+)*): /;

/** Error types and codes are names; anything else in their place is foreign text. */
const NAME = /^\w{1,64}$/;

/** gRPC peers take some 8 KiB of trailers in all. */
const LONGEST_DESCRIPTION = 1_000;

/** A wait that a timer can hold. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** The API's error body, as far as it was readable. */
interface Told {
  readonly type?: string;
  readonly code?: string;
  readonly requestId?: string;
  readonly message: string;
  readonly paths: readonly string[];
}

/**
 * @param body of an answer that is no 2xx, whatever it holds; empty where it could not be read
 * @param now milliseconds since the epoch
 * @param metadata for `RelayError.metadata`: which endpoint it was
 */
export function refusal(
  head: ResponseHead,
  body: string,
  now: number,
  metadata: Readonly<Record<string, string>>,
): RelayError {
  return asError(meaningOfStatus(head.status), head, read(body), now, metadata);
}

/**
 * An `error` event inside a stream: the same meanings, though the status was 200.
 *
 * @param data of the event
 */
export function errorEvent(
  head: ResponseHead,
  data: string,
  now: number,
  metadata: Readonly<Record<string, string>>,
): RelayError {
  const told = read(data);
  return asError(told.type === 'invalid_request_error' ? INVALID : UNAVAILABLE, head, told, now, metadata);
}

function asError(
  fallback: Meaning,
  head: ResponseHead,
  told: Told,
  now: number,
  metadata: Readonly<Record<string, string>>,
): RelayError {
  const meaning = meaningOf(told) ?? fallback;
  const scope = meaning.scope ?? REASONS[meaning.reason].scope;
  const requestId = head.headers['request-id'] ?? told.requestId;
  const shouldRetry = flag(head.headers['x-should-retry']);
  const retryAfter =
    retryAfterMs(head.headers, now) ?? (meaning === SPENT ? untilRegained(told.message, now) : undefined);
  // The header speaks of trying again with the same credential; where that one is set aside, another may well serve.
  const retryable = scope === 'credential' ? meaning.retryable : (shouldRetry ?? meaning.retryable);
  return new RelayError(meaning.reason, meaning.message, {
    head,
    metadata,
    scope,
    upstream: {
      status: head.status,
      ...(told.type !== undefined && { type: told.type }),
      ...(told.code !== undefined && { code: told.code }),
      ...(requestId !== undefined && { requestId }),
      ...(shouldRetry !== undefined && { shouldRetry }),
    },
    ...(retryable !== undefined && { retryable }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(meaning.reason === 'INVALID_REQUEST' && { violations: violations(told) }),
  });
}

function meaningOf({ type, code, message }: Told): Meaning | undefined {
  const byCode = code === undefined ? undefined : BY_CODE.get(code);
  if (byCode !== undefined) return byCode;
  if (type === 'invalid_request_error' && OWN_SPEND_LIMIT.test(message)) return SPENT;
  return type === undefined ? undefined : BY_TYPE.get(type);
}

function violations({ message, paths }: Told): FieldViolation[] {
  if (message === '') return [];
  const description = message.slice(0, LONGEST_DESCRIPTION);
  const fields = paths.length > 0 ? paths : [FIELD_PATH.exec(message)?.[1] ?? ''];
  return fields.map((field) => ({ field, description }));
}

function untilRegained(message: string, now: number): number | undefined {
  const [, date, time] = REGAINED.exec(message) ?? [];
  const wait = Date.parse(`${date}T${time}Z`) - now;
  return wait > 0 ? Math.min(wait, LONGEST_WAIT_MS) : undefined;
}

function flag(value: string | undefined): boolean | undefined {
  if (value === 'true') return true;
  return value === 'false' ? false : undefined;
}

function read(body: string): Told {
  const document = parse(body);
  const error = document['error'];
  if (!isObject(error)) return { message: '', paths: [] };
  const details = isObject(error['details']) ? error['details'] : {};
  const { paths } = details;
  return {
    message: typeof error['message'] === 'string' ? error['message'] : '',
    paths: Array.isArray(paths) ? paths.filter((path) => typeof path === 'string') : [],
    ...name('type', error['type']),
    ...name('code', details['error_code']),
    ...name('requestId', document['request_id']),
  };
}

function name<Key extends string>(key: Key, value: unknown): { [K in Key]?: string } {
  return typeof value === 'string' && NAME.test(value) ? ({ [key]: value } as { [K in Key]: string }) : {};
}

function parse(body: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(body);
    return isObject(document) ? document : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
