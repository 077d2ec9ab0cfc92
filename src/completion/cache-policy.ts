/** How a call uses the cache of answers. `refresh` asks upstream and keeps the answer in the place of what is there. */
export type CacheMode = 'off' | 'exact' | 'similar' | 'refresh';

/** What a caller said of the cache; undefined fields are the operator's to fill. */
export interface CachePolicy {
  readonly mode: CacheMode | undefined;
  /** Milliseconds for which the answer may be kept. */
  readonly ttlMs: number | undefined;
  /** From 0 to 1. */
  readonly minSimilarity: number | undefined;
}

/** What a caller gets who says nothing. */
export const DEFAULT_CACHE_POLICY: CachePolicy = { mode: undefined, ttlMs: undefined, minSimilarity: undefined };
