import type { CacheMode } from '../completion/cache-policy.ts';
import type { Call } from '../completion/call.ts';

/** How one call uses the cache, all defaults filled in. */
export interface ReusePlan {
  readonly mode: CacheMode;
  /** Undefined: as the cache was told. */
  readonly ttlMs: number | undefined;
  readonly minSimilarity: number;
}

/** What holds for calls that do not say. */
export interface ReuseDefaults {
  readonly mode: CacheMode;
  readonly minSimilarity: number;
  readonly ttlMs?: number;
}

const OFF: ReusePlan = { mode: 'off', ttlMs: undefined, minSimilarity: 1 };

/**
 * The plan of a call: what its caller said, else what holds for its tenant. Off for everything but answers that follow
 * from the request alone; `max_tokens` 0 is sent for its effect on the upstream's prompt cache, not for its answer.
 */
export function reusePlan(call: Call, defaults: ReuseDefaults): ReusePlan {
  if (call.operation !== 'messages' || !call.selfContained || call.maxTokens === 0) return OFF;
  const { mode = defaults.mode, ttlMs = defaults.ttlMs, minSimilarity = defaults.minSimilarity } = call.cache;
  return mode === 'off' ? OFF : { mode, ttlMs, minSimilarity };
}
