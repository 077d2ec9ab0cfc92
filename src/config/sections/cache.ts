import { z } from 'zod';
import { choice, count, duration, figure, size } from '../fields.ts';

export const cacheSettings = z.strictObject({
  mode: choice(['off', 'exact', 'similar'])
    .prefault('exact')
    .describe('What calls get that do not choose: off, exact, or similar (last user turn nearly the same).'),
  digest: choice(['sha256', 'md5']).prefault('sha256').describe('Digest of the key: sha256 (faster and safe) or md5.'),
  ttl: duration({ min: '1s' }).prefault('5m').describe('Time that an answer is kept.'),
  max_bytes: size({ min: 2 ** 20, max: 2 ** 40 })
    .prefault(1_073_741_824)
    .describe('Memory for answers.'),
  counters: count({ min: 1024, max: 1_000_000_000 })
    .prefault(10_000_000)
    .describe('Counters of the admission sketch: about ten for each entry expected.'),
  scope: choice(['tenant', 'shared'])
    .prefault('tenant')
    .describe('Who may be served an answer: its own tenant, or all (shared).'),
  min_similarity: figure({ min: 0.5, max: 1 }).prefault(0.9).describe('Least similarity for a similar hit.'),
  refresh_ahead: figure({ min: 0.1, max: 1 })
    .prefault(0.8)
    .describe('Share of the TTL after which a read of a popular answer renews it in the background; 1 never does.'),
});

/** The response cache. */
export function cacheConfig(settings: z.output<typeof cacheSettings>) {
  return {
    mode: settings.mode,
    digest: settings.digest,
    ttlMs: settings.ttl,
    maxBytes: settings.max_bytes,
    counters: settings.counters,
    scope: settings.scope,
    minSimilarity: settings.min_similarity,
    refreshAhead: settings.refresh_ahead,
  };
}

export type CacheConfig = ReturnType<typeof cacheConfig>;
