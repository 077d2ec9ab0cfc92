/**
 * The two ways to a similar answer behind one door: by text at once, and by embedding where a server for it is
 * configured. A failing embeddings server means that no similar answer is found, and nothing else.
 */
import { canonicalise, type Canonical } from './canonical.ts';
import type { Embed } from './embeddings-client.ts';
import { differenceInMeaning } from './meaning.ts';
import type { Found, SimilarIndex } from './similar-index.ts';
import { VectorError, type VectorIndex } from './vector-index.ts';

export interface EmbeddingSearch {
  readonly embed: Embed;
  readonly vectors: VectorIndex;
  /** Told of every failure, for a counter and the log; the error holds no prompt. */
  readonly onFailure: (error: unknown) => void;
}

/** Finds kept prompts whose answer may be served for a new one. */
export class SimilarFinder {
  readonly #index: SimilarIndex;
  readonly #search: EmbeddingSearch | undefined;
  /** What the guards compare, for the entries that have a vector. */
  readonly #canonicals = new Map<string, Canonical>();

  constructor(index: SimilarIndex, search?: EmbeddingSearch) {
    this.#index = index;
    this.#search = search;
  }

  /** Keeps a prompt. Resolves when its vector is kept too, or could not be had; never rejects for that. */
  async add(scope: string, id: string, text: string, signal: AbortSignal): Promise<void> {
    this.remove(id);
    this.#index.add(scope, id, text);
    const canonical = canonicalise(text);
    if (this.#search === undefined || canonical.reading === 'whole') return;
    this.#canonicals.set(id, canonical);
    const vector = await this.#embed(text, signal);
    // The cache may have dropped or replaced the answer meanwhile.
    if (this.#canonicals.get(id) !== canonical) return;
    if (vector === undefined || !this.#keep(scope, id, vector)) this.#canonicals.delete(id);
  }

  /** Forgets a prompt, because its answer has left the cache. */
  remove(id: string): void {
    this.#index.remove(id);
    this.#search?.vectors.remove(id);
    this.#canonicals.delete(id);
  }

  /** The best kept prompt whose answer may be served for `text`, or undefined; never rejects. */
  async find(scope: string, text: string, minSimilarity: number, signal: AbortSignal): Promise<Found | undefined> {
    const found = this.#index.find(scope, text, minSimilarity);
    if (found !== undefined || this.#search === undefined || !this.#search.vectors.has(scope)) return found;
    const canonical = canonicalise(text);
    if (canonical.reading === 'whole') return undefined;
    const vector = await this.#embed(text, signal);
    if (vector === undefined) return undefined;
    return this.#near(scope, vector, minSimilarity).find(({ id }) => {
      const kept = this.#canonicals.get(id);
      return kept !== undefined && differenceInMeaning(canonical, kept) === undefined;
    });
  }

  async #embed(text: string, signal: AbortSignal): Promise<Float32Array | undefined> {
    try {
      return (await this.#search?.embed([text], signal))?.[0];
    } catch (error) {
      this.#search?.onFailure(error);
      return undefined;
    }
  }

  #keep(scope: string, id: string, vector: Float32Array): boolean {
    try {
      const displaced = this.#search?.vectors.add(scope, id, vector);
      if (displaced !== undefined) this.#canonicals.delete(displaced);
      return true;
    } catch (error) {
      if (!(error instanceof VectorError)) throw error;
      this.#search?.onFailure(error);
      return false;
    }
  }

  #near(scope: string, vector: Float32Array, minSimilarity: number): readonly Found[] {
    try {
      return this.#search?.vectors.find(scope, vector, minSimilarity) ?? [];
    } catch (error) {
      if (!(error instanceof VectorError)) throw error;
      this.#search?.onFailure(error);
      return [];
    }
  }
}
