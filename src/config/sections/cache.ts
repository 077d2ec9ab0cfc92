import { z } from 'zod';
import {
  answerTtl,
  baseUrl,
  choice,
  count,
  duration,
  figure,
  filePath,
  headerSecret,
  section,
  similarity,
  size,
} from '../fields.ts';

const embeddings = section({
  base_url: baseUrl().describe('Where a server of the OpenAI embeddings protocol answers, without /v1.'),
  model: z
    .string()
    .min(1, 'is empty. Name the model that embeds prompts.')
    .describe('Name of the embedding model there.'),
  api_key: headerSecret().optional().describe('Sent to it as a bearer token; absent, none is sent.'),
  api_key_file: filePath().optional().describe('File that holds that key.'),
  timeout: duration({ min: '1ms', why: 'With 0, no embedding could be in time.' })
    .prefault('1s')
    .describe('Longest wait for an embedding; a call that misses waits for one, and then goes on without.'),
  dimensions: count({ min: 1, max: 16_384 }).describe('Numbers in an embedding of that model.'),
  max_entries: count({ min: 1, max: 100_000 })
    .prefault(2_000)
    .describe('Embeddings held: each takes four bytes per dimension, and a look-up compares those of equal requests.'),
});

export const cacheSettings = section({
  mode: choice(['off', 'exact', 'similar'])
    .prefault('exact')
    .describe('What calls get that do not choose: off, exact, or similar (last user turn nearly the same).'),
  digest: choice(['sha256', 'md5'])
    .prefault('sha256')
    .describe('Digest of the key: sha256 (faster and safe) or md5, whose answers are not shared by Redis.'),
  ttl: answerTtl().prefault('5m').describe('Time that an answer is kept.'),
  max_bytes: size({ min: 4096, max: 2 ** 40, why: 'No answer fits into less. To keep none, write mode: off.' })
    .prefault(1_073_741_824)
    .describe('Memory for answers. One of more than a 64th of it is not kept: of 64KiB, a body above 1KiB.'),
  counters: count({ min: 1, max: 1_000_000_000 })
    .prefault(10_000_000)
    .describe('Counters of the admission sketch: about ten for each entry expected. It has 512 at least.'),
  scope: choice(['tenant', 'shared'])
    .prefault('tenant')
    .describe('Who may be served an answer: its own tenant, or all (shared).'),
  min_similarity: similarity().prefault(0.9).describe('Least similarity for a similar hit, from 0 to 1.'),
  refresh_ahead: figure({ min: 0.1, max: 1 })
    .prefault(0.8)
    .describe('Share of the TTL after which a read of a popular answer renews it in the background; 1 never does.'),
  embeddings: embeddings
    .optional()
    .describe('With mode similar, also finds prompts that say the same in other words; absent, by their text alone.'),
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
    /** Undefined: similar prompts are found by their text alone. */
    embeddings: settings.embeddings && {
      baseUrl: settings.embeddings.base_url,
      model: settings.embeddings.model,
      apiKey: settings.embeddings.api_key,
      timeoutMs: settings.embeddings.timeout,
      dimensions: settings.embeddings.dimensions,
      maxEntries: settings.embeddings.max_entries,
    },
  };
}

export type CacheConfig = ReturnType<typeof cacheConfig>;
