import { type FieldViolation, RelayError, REASONS } from '../completion/errors.ts';
import type { ResponseHead } from '../completion/head.ts';
import { retryAfterMs } from '../completion/retry-after.ts';
import {
  BILLING,
  BY_CODE,
  BY_TYPE,
  INVALID,
  type Meaning,
  meaningOfStatus,
  SPENT,
  UNAVAILABLE,
} from './api-meanings.ts';

/** Two things that are no fault of the caller's come as a 400 without a code: only their texts tell them apart. */
const OWN_SPEND_LIMIT = /^You have reached your specified API usage limits/;
const NO_CREDIT = /^Your credit balance is too low/;

const REGAINED = /regain access on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) UTC/;

/** `messages.0.content: …`: the API's validation messages begin with the path of the field. */
const FIELD_PATH = /^([a-z_][a-z0-9_]*(?:\.\w+)*): /;

/** Error types and codes are names; anything else in their place is foreign text. */
const NAME = /^\w{1,64}$/;

/** gRPC peers take some 8 KiB of trailers in all: bounds for the fields named, the path of each, and all descriptions. */
const MOST_FIELDS = 10;
const LONGEST_PATH = 100;
const LONGEST_DESCRIPTIONS = 1_000;

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
  const byMeaning = meaning.retryable ?? REASONS[meaning.reason].retryable;
  const retryable = scope === 'credential' ? byMeaning : (shouldRetry ?? byMeaning);
  const wrong = meaning.reason === 'INVALID_REQUEST' ? violations(told) : [];
  return new RelayError(meaning.reason, meaning.message + named(wrong), {
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
    retryable,
    // What is wrong with a request no wait will cure, whatever a proxy adds to every answer.
    ...(retryAfter !== undefined && (retryable || scope !== 'none') && { retryAfter }),
    ...(wrong.length > 0 && { violations: wrong }),
  });
}

function meaningOf({ type, code, message }: Told): Meaning | undefined {
  const byCode = code === undefined ? undefined : BY_CODE.get(code);
  if (byCode !== undefined) return byCode;
  if (type === 'invalid_request_error' && OWN_SPEND_LIMIT.test(message)) return SPENT;
  if (type === 'invalid_request_error' && NO_CREDIT.test(message)) return BILLING;
  return type === undefined ? undefined : BY_TYPE.get(type);
}

function violations({ message, paths }: Told): FieldViolation[] {
  if (message === '') return [];
  const [prefix = '', path = ''] = FIELD_PATH.exec(message) ?? [];
  const fields = paths.length > 0 ? paths.slice(0, MOST_FIELDS) : [path];
  const description = message.slice(prefix.length, prefix.length + LONGEST_DESCRIPTIONS / fields.length);
  return fields.map((each) => ({ field: fieldPath(each).slice(0, LONGEST_PATH), description }));
}

/** `messages.0.content` as the relay spells it: `messages[0].content`. */
function fieldPath(path: string): string {
  return path.replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]');
}

/** Where to look, for callers who see the message alone; what is wrong there is foreign text, and not for messages. */
function named([first]: readonly FieldViolation[]): string {
  return first === undefined || first.field === '' ? '' : ` Look at ${first.field}.`;
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
