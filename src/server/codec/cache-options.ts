import { type CacheMode, type CachePolicy, DEFAULT_CACHE_POLICY } from '../../completion/cache-policy.ts';
import type { FieldViolation } from '../../completion/errors.ts';

/** `CachePolicy` as its JSON text has it: the ttl in milliseconds. */
export interface CachePolicyText {
  readonly mode?: string;
  readonly ttl?: number;
  readonly min_similarity?: number;
}

const MODES: Readonly<Record<string, CacheMode>> = {
  CACHE_MODE_OFF: 'off',
  CACHE_MODE_EXACT: 'exact',
  CACHE_MODE_SIMILAR: 'similar',
  CACHE_MODE_REFRESH: 'refresh',
};
const LEAST_SIMILARITY = 0.5;

/** What the caller said; fields at their protobuf default were not said. */
export function cachePolicy(given: CachePolicyText | undefined): CachePolicy {
  if (given === undefined) return DEFAULT_CACHE_POLICY;
  const { mode = '', ttl, min_similarity: similarity = 0 } = given;
  return { mode: MODES[mode], ttlMs: ttl, minSimilarity: similarity === 0 ? undefined : similarity };
}

export function cacheViolations({ ttl, min_similarity: similarity = 0 }: CachePolicyText = {}): FieldViolation[] {
  const violations: FieldViolation[] = [];
  if (ttl !== undefined && ttl <= 0) {
    violations.push({ field: 'relay.cache.ttl', description: 'must be above 0; to keep nothing, use CACHE_MODE_OFF' });
  }
  if (similarity !== 0 && (similarity < LEAST_SIMILARITY || similarity > 1)) {
    violations.push({ field: 'relay.cache.min_similarity', description: 'must be from 0.5 to 1' });
  }
  return violations;
}
