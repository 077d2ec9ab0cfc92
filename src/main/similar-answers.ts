import {
  createEmbeddingsClient,
  type Embed,
  EmbeddingsMalformed,
  EmbeddingsRefused,
  EmbeddingsUnavailable,
} from '../cache/similar/embeddings-client.ts';
import { SimilarFinder } from '../cache/similar/similar-finder.ts';
import { SimilarIndex } from '../cache/similar/similar-index.ts';
import { VectorError, VectorIndex } from '../cache/similar/vector-index.ts';
import type { CacheConfig } from '../config/sections/cache.ts';
import type { Telemetry } from './telemetry.ts';

/** A server that failed is left alone for so long, in milliseconds: calls that it would hold up are the relay's own. */
const REST_MS = 5_000;
/** Bytes of JSON that one number of an embedding takes at most, and what stands around them. */
const NUMBER_BYTES = 32;
const ANSWER_BYTES = 64 * 1024;
/**
 * Bad request, too large, unprocessable: what servers of the protocol answer to a text that is longer than their model
 * takes. That says nothing of other texts, so that the server is not left alone for it.
 */
const TEXT_REFUSED = new Set([400, 413, 422]);

/** Finds requests that mean the same. Made when first needed: the index builds a vocabulary, for which nobody pays who never asks. */
export function openSimilarAnswers(
  { embeddings }: CacheConfig,
  { metrics, log }: Pick<Telemetry, 'metrics' | 'log'>,
  clock: { now(): number },
) {
  let finder: SimilarFinder | undefined;
  let failures = 0;
  /** While the server fails: until when it is left alone. */
  let restsUntil: number | undefined;
  let isRefusalTold = false;
  if (embeddings !== undefined) metrics.watchEmbeddings(() => failures);

  function failed(error: unknown): void {
    // Else the caller went away.
    if (!isFailure(error)) return;
    failures += 1;
    if (error instanceof EmbeddingsRefused && TEXT_REFUSED.has(error.status)) {
      if (!isRefusalTold)
        log.warn('the embeddings server refuses a prompt, as it may others', { error: error.message });
      isRefusalTold = true;
      return;
    }
    if (restsUntil === undefined) {
      log.warn('embeddings cannot be had: similar prompts are found by their text alone', { error: error.message });
    }
    if (!(error instanceof Resting)) restsUntil = clock.now() + REST_MS;
  }

  function resting(embed: Embed): Embed {
    return async (texts, signal) => {
      if (restsUntil !== undefined && clock.now() < restsUntil) throw new Resting('left alone after a failure');
      const vectors = await embed(texts, signal);
      if (restsUntil !== undefined) log.info('embeddings can be had again');
      restsUntil = undefined;
      return vectors;
    };
  }

  function open(): SimilarFinder {
    const index = new SimilarIndex();
    if (embeddings === undefined) return new SimilarFinder(index);
    const { apiKey, dimensions, maxEntries, timeoutMs, ...server } = embeddings;
    const embed = createEmbeddingsClient({
      ...server,
      timeout: timeoutMs,
      maxResponseBytes: ANSWER_BYTES + dimensions * NUMBER_BYTES,
      ...(apiKey !== undefined && { apiKey: apiKey.reveal() }),
    });
    const vectors = new VectorIndex({ dimensions, maxEntries });
    return new SimilarFinder(index, { embed: resting(embed), vectors, onFailure: failed });
  }

  return {
    get: (): SimilarFinder => (finder ??= open()),
    /** Forgets a prompt, because its answer has left the cache. */
    forget: (key: string): void => finder?.remove(key),
  };
}

/** The server has failed a moment ago and was not asked. */
class Resting extends EmbeddingsUnavailable {}

function isFailure(error: unknown): error is Error {
  return [EmbeddingsUnavailable, EmbeddingsRefused, EmbeddingsMalformed, VectorError].some(
    (kind) => error instanceof kind,
  );
}
