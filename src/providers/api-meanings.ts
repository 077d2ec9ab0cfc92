import type { Reason, RelayErrorOptions } from '../completion/errors.ts';

/**
 * What each refusal of the Messages API means here: by `error.details.error_code` first, then by `error.type`, then by
 * status, as the API's documentation asks (Errors). Messages are ours; of the upstream's text only what it
 * says about the caller's own request is passed on, as field violations.
 */
export interface Meaning extends Pick<RelayErrorOptions, 'retryable' | 'scope'> {
  readonly reason: Reason;
  readonly message: string;
}

export const INVALID: Meaning = {
  reason: 'INVALID_REQUEST',
  message: 'The upstream refused the request as invalid. Correct it; field violations, where there are any, say what.',
};

const TOO_LARGE: Meaning = {
  reason: 'REQUEST_TOO_LARGE',
  message: 'The request is larger than the upstream accepts. Send less, or use files.',
};

const CREDENTIALS: Meaning = {
  reason: 'UPSTREAM_CREDENTIALS',
  message: "The upstream refused the relay's credential. The operator must renew or replace it.",
};

export const BILLING: Meaning = {
  reason: 'UPSTREAM_CREDENTIALS',
  message: 'The upstream cannot bill the account. The operator must see to its payment.',
};

const ON_HOLD: Meaning = {
  reason: 'UPSTREAM_CREDENTIALS',
  message: 'The upstream does not serve the account as it is set up. The operator must see to it.',
};

/**
 * A 403 speaks of what was asked for (a model, a feature) with this key. Taking the key out for it would let one caller
 * who asks for a forbidden model stop all others, so it is about the request.
 */
const FORBIDDEN: Meaning = {
  reason: 'PERMISSION_DENIED',
  message: 'The upstream account is not allowed what the request asks for. Ask for another model or feature.',
};

/**
 * A 403 without the API's own `permission_error`: a firewall or gateway, which may refuse this key or address altogether, or
 * only what one prompt holds. So it counts against the endpoint, where a request that fails everywhere is suspected itself,
 * and takes no account out: one such prompt would take all of them.
 */
const FENCED: Meaning = {
  reason: 'UPSTREAM_CREDENTIALS',
  scope: 'endpoint',
  retryable: true,
  message:
    'Something before the upstream, such as a firewall, refused the request. The operator must look into it; if others pass, it is what this one holds.',
};

const NOT_FOUND: Meaning = {
  reason: 'NOT_FOUND',
  message: 'The upstream does not know what the request names. Check the model id, and file or thread ids.',
};

/** Not said by the API itself, but by whatever stands at a wrong address. */
export const MISPLACED: Meaning = {
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
export const SPENT: Meaning = {
  reason: 'RATE_LIMITED',
  scope: 'credential',
  message: 'The upstream account has reached a spend limit. The operator must raise it, or wait for the next period.',
};

export const UNAVAILABLE: Meaning = { reason: 'UPSTREAM_UNAVAILABLE', message: 'The upstream failed. Retry.' };

const TIMED_OUT: Meaning = {
  reason: 'UPSTREAM_UNAVAILABLE',
  message: 'The upstream took too long. Retry, and stream where the answer is long.',
};

const OVERLOADED: Meaning = { reason: 'UPSTREAM_OVERLOADED', message: 'The upstream is overloaded. Retry later.' };

/** By `error.details.error_code`. */
export const BY_CODE: ReadonlyMap<string, Meaning> = named({
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

/** By `error.type`. `invalid_request_error` is left out: it is also the type of every refusal that has no type of its own. */
export const BY_TYPE: ReadonlyMap<string, Meaning> = named({
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
  403: FENCED,
  404: MISPLACED,
  405: MISPLACED,
  407: MISPLACED,
  408: TIMED_OUT,
  409: CONFLICT,
  411: MISPLACED,
  413: TOO_LARGE,
  421: MISPLACED,
  425: UNAVAILABLE,
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

/** By HTTP status, where the body names no code or type of its own. */
export function meaningOfStatus(status: number): Meaning {
  const known = BY_STATUS[status];
  if (known !== undefined) return known;
  if (status < 400) return MISPLACED;
  return status < 500 ? INVALID : UNAVAILABLE;
}
