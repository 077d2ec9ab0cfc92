/**
 * Token counters of one answer, by the API's names. A missing counter is unknown, never 0 (reference: streams of
 * older shape lack several, and a call that was cut short has only those of `message_start`).
 */
export interface TokenCounters {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cache_creation_input_tokens?: number;
  readonly cache_read_input_tokens?: number;
}

/** What the API's `usage` tells of one answer, as far as it bears on the price; every field may be absent. */
export interface Usage extends TokenCounters {
  /** Set by the relay where a stream broke before the upstream had counted its output: that is what was written at least. */
  readonly output_tokens_estimated?: true;
  /** Split of `cache_creation_input_tokens` by the life of the entry. */
  readonly cache_creation?: {
    readonly ephemeral_5m_input_tokens?: number;
    readonly ephemeral_1h_input_tokens?: number;
  };
  readonly server_tool_use?: { readonly web_search_requests?: number };
  /** `batch` where the answer came from a message batch. */
  readonly service_tier?: string;
  readonly inference_geo?: string;
  readonly speed?: string;
}

const COUNTERS = [
  'input_tokens',
  'output_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
] as const satisfies readonly (keyof TokenCounters)[];
const WORDS = ['service_tier', 'inference_geo', 'speed'] as const satisfies readonly (keyof Usage)[];
const LIVES = ['ephemeral_5m_input_tokens', 'ephemeral_1h_input_tokens'] as const;
const TOOLS = ['web_search_requests'] as const;

/** Reads the `usage` object of the API; whatever is not of its kind stays unknown. */
export function readUsage(usage: unknown): Usage {
  if (!isObject(usage)) return {};
  const read: { -readonly [Field in keyof Usage]: Usage[Field] } = numbersOf(usage, COUNTERS);
  for (const field of WORDS) {
    const value = usage[field];
    if (typeof value === 'string') read[field] = value;
  }
  const { cache_creation: created, server_tool_use: tools } = usage;
  if (isObject(created)) read.cache_creation = numbersOf(created, LIVES);
  if (isObject(tools)) read.server_tool_use = numbersOf(tools, TOOLS);
  return read;
}

/** Counters of `message_delta` are cumulative: they override those of `message_start`, and are never added. */
export function mergeUsage(earlier: Usage, later: Usage): Usage {
  return { ...earlier, ...later };
}

/** What two answers used together. The words are those of the first, where it has any: of its price class. */
export function addUsage(one: Usage, other: Usage): Usage {
  const { cache_creation: created, server_tool_use: tools } = other;
  return {
    ...other,
    ...one,
    ...added(one, other, COUNTERS),
    ...(created && { cache_creation: { ...one.cache_creation, ...added(one.cache_creation ?? {}, created, LIVES) } }),
    ...(tools && { server_tool_use: { ...one.server_tool_use, ...added(one.server_tool_use ?? {}, tools, TOOLS) } }),
  };
}

type Counts<Name extends string> = { readonly [Field in Name]?: number };

function added<Name extends string>(one: Counts<Name>, other: Counts<Name>, names: readonly Name[]): Counts<Name> {
  const sums: { [Field in Name]?: number } = {};
  for (const name of names) {
    const count = other[name];
    if (count !== undefined) sums[name] = count + (one[name] ?? 0);
  }
  return sums;
}

type Fields = Partial<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function numbersOf<Name extends string>(source: Fields, names: readonly Name[]): { [Field in Name]?: number } {
  const read: { [Field in Name]?: number } = {};
  for (const name of names) {
    const value = source[name];
    if (isCount(value)) read[name] = value;
  }
  return read;
}

/** More than any answer uses. What is beyond is damage: to believe it would use up a tenant's quota and an account's limit. */
const MOST = 1e9;

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MOST;
}
