import {
  parseAlternatives,
  parseCount,
  parseDuration,
  parseFraction,
  parseRange,
  parseSettings,
  type Range,
  SpecError,
  splitRules,
} from '../spec.ts';
import { HTTP_FAULT_KINDS, type HttpFaultKind } from './http-faults.ts';

/** Parts of the API that faults can be confined to. */
export type Endpoint = 'messages' | 'count_tokens' | 'models' | 'batches';

const ENDPOINTS: readonly Endpoint[] = ['messages', 'count_tokens', 'models', 'batches'];

/** Faults in or instead of an answer's body. */
const CONNECTION_FAULT_KINDS = [
  /** A proxy's HTML page instead of the API's JSON. */
  '502',
  /** Status 500 and no body. */
  'empty-500',
  /** The connection breaks after `after` events, or in the middle of a whole answer. */
  'cut',
  /** Status 200, and an `error` event before anything else; 529 for a whole answer. */
  'error-head',
  /** An `error` event after `after` events; 529 for a whole answer. */
  'error-mid',
  /** The body ends properly after `after` events, without `message_stop`; a whole answer ends half way. */
  'eof',
  /** The connection is reset, and nothing is answered. */
  'reset',
  /** Silence after `after` events (0: not even headers), for good or for a time. */
  'stall',
] as const;

/** What can go wrong. */
export type FaultKind = HttpFaultKind | (typeof CONNECTION_FAULT_KINDS)[number];

/** All kinds, in the order in which a usage text should list them. */
export const FAULT_KINDS: readonly FaultKind[] = [...HTTP_FAULT_KINDS, ...CONNECTION_FAULT_KINDS];

/** A fault, and when it strikes: whenever all conditions that are given hold. */
export interface FaultRule {
  readonly kind: FaultKind;
  /** Fraction of the requests that all other conditions hold for; 1 without it. */
  readonly rate?: number;
  /** Milliseconds since the rules were set, the end excluded. */
  readonly between?: Range;
  /** Which of the requests to the named endpoints, models and keys, counted from 1 since the rules were set. */
  readonly requests?: Range;
  /** `*` stands for anything; all models without it. */
  readonly models?: readonly string[];
  /** `*` stands for anything; all API keys without it. */
  readonly keys?: readonly string[];
  /** `POST /v1/messages` alone without it. */
  readonly endpoints?: readonly Endpoint[];
  /** Stream events that still get through; pings count. 5 without it, that is one delta; 0 for `stall`. */
  readonly afterEvents?: number;
  /** Milliseconds after which a stalled answer goes on; never without it. */
  readonly duration?: number;
  /** Seconds for the `retry-after` header of an HTTP fault. */
  readonly retryAfter?: number;
  /** `error.type` of an `error` event; `overloaded_error` without it. */
  readonly errorType?: 'overloaded_error' | 'api_error';
}

const KEYS = ['rate', 'between', 'nth', 'models', 'keys', 'on', 'after', 'for', 'retry-after', 'error'] as const;
type Key = (typeof KEYS)[number];

const TAKES_AFTER = new Set<FaultKind>(['cut', 'error-mid', 'eof', 'stall']);
const TAKES_ERROR = new Set<FaultKind>(['error-head', 'error-mid']);
const TAKES_RETRY_AFTER: ReadonlySet<string> = new Set(HTTP_FAULT_KINDS);

function parseEndpoint(text: string): Endpoint {
  const endpoint = ENDPOINTS.find((known) => known === text);
  if (endpoint === undefined) throw new SpecError(`"${text}" is not an endpoint: write ${ENDPOINTS.join(', ')} or all`);
  return endpoint;
}

function parseErrorType(text: string): 'overloaded_error' | 'api_error' {
  if (text === 'overloaded_error' || text === 'api_error') return text;
  throw new SpecError(`"${text}" is not an error: write overloaded_error or api_error`);
}

/** A setting that would do nothing is refused. */
function refuseIdle(kind: FaultKind, settings: ReadonlyMap<Key, string>): void {
  const idle =
    (settings.has('after') && !TAKES_AFTER.has(kind) && 'after') ||
    (settings.has('for') && kind !== 'stall' && 'for') ||
    (settings.has('retry-after') && !TAKES_RETRY_AFTER.has(kind) && 'retry-after') ||
    (settings.has('error') && !TAKES_ERROR.has(kind) && 'error');
  if (idle) throw new SpecError(`"${idle}" means nothing to ${kind}`);
}

function parseRule(text: string): FaultRule {
  const colon = text.indexOf(':');
  const name = (colon === -1 ? text : text.slice(0, colon)).trim();
  const kind = FAULT_KINDS.find((known) => known === name);
  if (kind === undefined) throw new SpecError(`"${name}" is not a fault: write one of ${FAULT_KINDS.join(', ')}`);
  if (colon === -1) return { kind };
  const settings = parseSettings(text.slice(colon + 1), KEYS);
  refuseIdle(kind, settings);
  const read = <Field extends keyof FaultRule>(
    key: Key,
    field: Field,
    parse: (value: string) => FaultRule[Field],
  ): Partial<FaultRule> => {
    const value = settings.get(key);
    return value === undefined ? {} : { [field]: parse(value) };
  };
  return {
    kind,
    ...read('rate', 'rate', parseFraction),
    ...read('between', 'between', (value) => parseRange(value, parseDuration)),
    ...read('nth', 'requests', (value) => parseRange(value, parseCount)),
    ...read('models', 'models', parseAlternatives),
    ...read('keys', 'keys', parseAlternatives),
    ...read('on', 'endpoints', (value) => (value === 'all' ? ENDPOINTS : parseAlternatives(value).map(parseEndpoint))),
    ...read('after', 'afterEvents', parseCount),
    ...read('for', 'duration', parseDuration),
    ...read('retry-after', 'retryAfter', parseCount),
    ...read('error', 'errorType', parseErrorType),
  };
}

/**
 * Reads faults. Of several rules that apply to a request, the first strikes. Throws SpecError.
 *
 * ```
 * faults  = rule { ";" rule }
 * rule    = kind [ ":" setting { "," setting } ]
 * kind    = "401" | "402" | "403" | "429" | "spend-limit" | "500" | "502" | "503" | "504" | "529"
 *         | "empty-500" | "cut" | "error-head" | "error-mid" | "eof" | "reset" | "stall"
 * setting = "rate=" rate                          5% or 0.05; always without it
 *         | "between=" duration "-" duration      since the rules were set
 *         | "nth=" count [ "-" count ]            the n-th request, or the n-th to the m-th
 *         | "models=" pattern { "|" pattern }
 *         | "keys=" pattern { "|" pattern }
 *         | "on=" ( "all" | endpoint { "|" endpoint } )    messages without it
 *         | "after=" count                        events before cut, error-mid, eof or stall
 *         | "for=" duration                       how long a stall lasts
 *         | "retry-after=" seconds                of an HTTP fault
 *         | "error=" ( "overloaded_error" | "api_error" )
 * endpoint = "messages" | "count_tokens" | "models" | "batches"
 * ```
 * `529:rate=5%,models=claude-opus-*`, `500:between=10s-20s`, `reset:nth=3`, `cut:after=8,rate=0.01;429:nth=1-2`.
 */
export function parseFaults(text: string): readonly FaultRule[] {
  return splitRules(text).map((rule) => {
    try {
      return parseRule(rule);
    } catch (error) {
      if (error instanceof SpecError) throw new SpecError(`faults "${rule}": ${error.message}`);
      throw error;
    }
  });
}
