/**
 * Which kept prompt may answer a new one, found without comparing it to all. Equality after normalisation is a map;
 * for mistyped prompts, candidates come from MinHash bands within blocks (record linkage's word: only prompts that agree
 * in everything a slip cannot touch are in one block), and `mayShareCanonical` confirms each.
 */
import { hash as digest } from 'node:crypto';

import { canonicalise, MAX_FOLDED_LENGTH, type Canonical } from './canonical.ts';
import { BANDS, createMinHash, hashText, mix } from './minhash.ts';
import { mayShareCanonical } from './share.ts';
import { prepareVocabulary } from './vocabulary/vocabulary.ts';

export interface SimilarIndexOptions {
  /** Entries held at most; the oldest goes when another comes. */
  readonly maxEntries: number;
  /** UTF-16 units of a prompt beyond which only equality after normalisation counts. */
  readonly maxLength: number;
  /** Makes the hash functions; any integer. */
  readonly seed: number;
}

/** What suits a cache in one process: a short prompt costs about 2.3 kB, the longest 13 kB. */
export const SIMILAR_INDEX_DEFAULTS: SimilarIndexOptions = { maxEntries: 10_000, maxLength: 1_024, seed: 0x5eed };

export interface Found {
  readonly id: string;
  /** 1 where the prompts are equal after normalisation. */
  readonly score: number;
}

interface Entry {
  readonly id: string;
  readonly scope: string;
  readonly equality: string;
  /** Absent where only equality counts. */
  readonly similar: { readonly canonical: Canonical; readonly buckets: Uint32Array } | undefined;
}

/** A bucket holds this many entries at most, and the newest are kept: bounds the work of one look-up. */
const MAX_BUCKET = 32;

/**
 * Everything of a prompt that two slips leave as it is: the number of words, the words that cannot be slips whole, of
 * the others the first letter.
 */
function blockOf(canonical: Canonical): string {
  const words = canonical.tokens.map((token) =>
    token.plain === undefined || token.plain.length < 4 ? token.text : `${token.plain.charAt(0)}~`,
  );
  return `${words.join(' ')}\n${canonical.payload}`;
}

/** Finds, per scope, the kept prompt whose answer may be served for another prompt. */
export class SimilarIndex {
  readonly #options: SimilarIndexOptions;
  readonly #bands: (text: string) => Uint32Array;
  readonly #entries = new Map<string, Entry>();
  readonly #equal = new Map<string, string>();
  readonly #buckets = new Map<number, Entry[]>();

  constructor(options: SimilarIndexOptions = SIMILAR_INDEX_DEFAULTS) {
    this.#options = options;
    this.#bands = createMinHash(options.seed);
    prepareVocabulary();
  }

  /** Entries held. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Keeps a prompt under the cache's id of its answer. `scope` is the digest of everything else in the request: only
   * prompts of equal scope are ever compared. An id that is already known is replaced.
   */
  add(scope: string, id: string, text: string): void {
    this.remove(id);
    const oldest = this.#entries.size >= this.#options.maxEntries ? this.#entries.keys().next().value : undefined;
    if (oldest !== undefined) this.remove(oldest);

    const canonical = canonicalise(text);
    const equality = this.#equality(scope, canonical);
    const buckets = this.#bucketsOf(scope, canonical);
    const entry: Entry = { id, scope, equality, similar: buckets && { canonical, buckets } };
    this.#entries.set(id, entry);
    this.#equal.set(equality, id);
    for (const key of buckets ?? []) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) this.#buckets.set(key, [entry]);
      else if (bucket.push(entry) > MAX_BUCKET) bucket.shift();
    }
  }

  /** Forgets a prompt, because its answer has left the cache. Unknown ids are ignored. */
  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    if (this.#equal.get(entry.equality) === id) this.#equal.delete(entry.equality);
    for (const key of entry.similar?.buckets ?? []) {
      const left = this.#buckets.get(key)?.filter((other) => other !== entry) ?? [];
      if (left.length === 0) this.#buckets.delete(key);
      else this.#buckets.set(key, left);
    }
  }

  /** The best kept prompt whose answer may be served for `text`, or undefined. */
  find(scope: string, text: string, minSimilarity: number): Found | undefined {
    const canonical = canonicalise(text);
    const equal = this.#equal.get(this.#equality(scope, canonical));
    if (equal !== undefined) return { id: equal, score: 1 };

    let best: Found | undefined;
    const seen = new Set<Entry>();
    for (const key of this.#bucketsOf(scope, canonical) ?? []) {
      for (const entry of this.#buckets.get(key) ?? []) {
        if (entry.scope !== scope || entry.similar === undefined || seen.has(entry)) continue;
        seen.add(entry);
        const { share, score } = mayShareCanonical(canonical, entry.similar.canonical, minSimilarity);
        if (share && score > (best?.score ?? 0)) best = { id: entry.id, score };
      }
    }
    return best;
  }

  #equality(scope: string, canonical: Canonical): string {
    return digest('sha256', `${scope}\n${canonical.key}`, 'base64');
  }

  #bucketsOf(scope: string, canonical: Canonical): Uint32Array | undefined {
    if (canonical.reading === 'whole' || canonical.key.length > Math.min(this.#options.maxLength, MAX_FOLDED_LENGTH)) {
      return undefined;
    }
    const block = hashText(blockOf(canonical), hashText(scope, this.#options.seed));
    const buckets = this.#bands(canonical.key);
    for (let band = 0; band < BANDS; band++) buckets[band] = mix((buckets[band] ?? 0) ^ block);
    return buckets;
  }
}
