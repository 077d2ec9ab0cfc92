import { type CacheMode, type CachePolicy, DEFAULT_CACHE_POLICY } from '../../completion/cache-policy.ts';
import type { CallOptions } from '../../completion/call.ts';
import type { FieldViolation } from '../../completion/errors.ts';
import { DEFAULT_ROUTING, type RoutingHints } from '../../completion/routing.ts';

/** `RelayOptions` as its JSON text has them: proto field names, enums by name. */
interface OptionsText {
  readonly betas?: readonly string[];
  readonly api_version?: string;
  readonly region?: string;
  readonly affinity_key?: string;
  readonly priority?: string;
  readonly cache?: { readonly mode?: string; readonly ttl?: number; readonly min_similarity?: number };
}

export interface DecodedOptions {
  readonly options: CallOptions;
  readonly routing: RoutingHints;
  readonly cache: CachePolicy;
  readonly violations: readonly FieldViolation[];
}

/** The version that every account and model still accepts; 2026-10-21 refuses sampling parameters. */
const DEFAULT_API_VERSION = '2023-06-01';
const API_VERSION = /^\d{4}-\d{2}-\d{2}$/;
/** What may stand in the comma-separated `anthropic-beta` header. */
const BETA = /^[!-+\--~]+$/;
const MAX_KEY_LENGTH = 512;

/** Reads the JSON text of `RelayOptions`; undefined where the request has none. */
export function readOptions(text: string | undefined): DecodedOptions {
  if (text === undefined) {
    return {
      options: { betas: [], apiVersion: DEFAULT_API_VERSION },
      routing: DEFAULT_ROUTING,
      cache: DEFAULT_CACHE_POLICY,
      violations: [],
    };
  }
  // The decoder wrote this text from typed fields.
  const given = JSON.parse(text) as OptionsText;
  const apiVersion =
    given.api_version === undefined || given.api_version === '' ? DEFAULT_API_VERSION : given.api_version;
  const violations: FieldViolation[] = [];
  if (!API_VERSION.test(apiVersion)) {
    violations.push({ field: 'relay.api_version', description: 'is no version such as 2023-06-01 or 2026-10-21' });
  }
  for (const [index, beta] of (given.betas ?? []).entries()) {
    if (BETA.test(beta)) continue;
    const description = 'is no name for the anthropic-beta header: printable characters without space or comma';
    violations.push({ field: `relay.betas[${index}]`, description });
  }
  if ((given.affinity_key ?? '').length > MAX_KEY_LENGTH) {
    const description = `is longer than ${MAX_KEY_LENGTH} characters; send a digest of it`;
    violations.push({ field: 'relay.affinity_key', description });
  }
  violations.push(...cacheViolations(given.cache));
  return {
    options: { betas: given.betas ?? [], apiVersion },
    routing: {
      ...DEFAULT_ROUTING,
      region: given.region ?? '',
      affinityKey: given.affinity_key ?? '',
      priority: given.priority === 'PRIORITY_BACKGROUND' ? 'background' : 'interactive',
    },
    cache: cachePolicy(given.cache),
    violations,
  };
}

const CACHE_MODES: Readonly<Record<string, CacheMode>> = {
  CACHE_MODE_OFF: 'off',
  CACHE_MODE_EXACT: 'exact',
  CACHE_MODE_SIMILAR: 'similar',
  CACHE_MODE_REFRESH: 'refresh',
};

function cachePolicy(given: OptionsText['cache']): CachePolicy {
  if (given === undefined) return DEFAULT_CACHE_POLICY;
  const similarity = given.min_similarity ?? 0;
  return {
    mode: CACHE_MODES[given.mode ?? ''],
    ttlMs: given.ttl,
    minSimilarity: similarity === 0 ? undefined : similarity,
  };
}

function cacheViolations({ ttl, min_similarity: similarity = 0 }: NonNullable<OptionsText['cache']> = {}): FieldViolation[] {
  const violations: FieldViolation[] = [];
  if (ttl !== undefined && !(ttl > 0)) {
    violations.push({ field: 'relay.cache.ttl', description: 'must be above 0; to keep nothing, use CACHE_MODE_OFF' });
  }
  if (similarity !== 0 && !(similarity >= 0.5 && similarity <= 1)) {
    violations.push({ field: 'relay.cache.min_similarity', description: 'must be from 0.5 to 1' });
  }
  return violations;
}
