/**
 * Nearest prompts by embedding: a flat scan, exact and without tuning. It holds the event loop for about 0.5 ms in a
 * scope of 1,000 entries of 384 dimensions, 5 ms with 10,000, four times that with 1,536 (`npm run bench -- similar`);
 * that is why the size is bounded, and why no graph index is needed below the bound.
 */

export interface VectorIndexOptions {
  /** Entries held at most; the oldest goes when another comes. */
  readonly maxEntries: number;
  /** Length of every vector. */
  readonly dimensions: number;
}

export interface Neighbour {
  readonly id: string;
  /** Cosine of the angle, -1 to 1. */
  readonly score: number;
}

/** Thrown when a vector has the wrong length, is not finite, or is zero and so has no direction. */
export class VectorError extends Error {
  override readonly name = 'VectorError';
}

interface Slot {
  readonly id: string;
  readonly scope: string;
  /** Position in the block of numbers. */
  readonly at: number;
}

/** Normalised vectors in one block of memory (`maxEntries × dimensions × 4` bytes, grown as needed). */
export class VectorIndex {
  readonly #options: VectorIndexOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #scopes = new Map<string, Set<Slot>>();
  readonly #free: number[] = [];
  #block: Float32Array;

  constructor(options: VectorIndexOptions) {
    this.#options = options;
    this.#block = new Float32Array(0);
  }

  /** Entries held. */
  get size(): number {
    return this.#slots.size;
  }

  /** Whether a scope has any entry, so that nobody embeds a prompt in vain. */
  has(scope: string): boolean {
    return this.#scopes.has(scope);
  }

  /**
   * Keeps a vector under an id, within a scope (the digest of everything else in the request).
   * @returns the id whose vector had to go for it, if any
   * @throws VectorError
   */
  add(scope: string, id: string, vector: Float32Array): string | undefined {
    const unit = this.#unit(vector);
    this.remove(id);
    const oldest = this.#slots.size >= this.#options.maxEntries ? this.#slots.keys().next().value : undefined;
    if (oldest !== undefined) this.remove(oldest);
    const at = this.#free.pop() ?? this.#slots.size;
    this.#grow(at + 1);
    this.#block.set(unit, at * this.#options.dimensions);
    const slot = { id, scope, at };
    this.#slots.set(id, slot);
    const siblings = this.#scopes.get(scope);
    if (siblings === undefined) this.#scopes.set(scope, new Set([slot]));
    else siblings.add(slot);
    return oldest;
  }

  /** Forgets an entry. Unknown ids are ignored. */
  remove(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    this.#free.push(slot.at);
    const siblings = this.#scopes.get(slot.scope);
    siblings?.delete(slot);
    if (siblings?.size === 0) this.#scopes.delete(slot.scope);
  }

  /**
   * The nearest entries of a scope with a cosine of at least `minSimilarity`, best first, at most `limit`.
   * @throws VectorError
   */
  find(scope: string, vector: Float32Array, minSimilarity: number, limit = 4): Neighbour[] {
    const unit = this.#unit(vector);
    const { dimensions } = this.#options;
    const found: Neighbour[] = [];
    const block = this.#block;
    for (const { id, at } of this.#scopes.get(scope) ?? []) {
      const offset = at * dimensions;
      let score = 0;
      for (let axis = 0; axis < dimensions; axis++) score += (unit[axis] ?? 0) * (block[offset + axis] ?? 0);
      if (score < minSimilarity) continue;
      found.push({ id, score });
      found.sort((one, other) => other.score - one.score);
      if (found.length > limit) found.pop();
    }
    return found;
  }

  #unit(vector: Float32Array): Float32Array {
    const { dimensions } = this.#options;
    if (vector.length !== dimensions) throw new VectorError(`expected ${dimensions} dimensions, got ${vector.length}`);
    let squares = 0;
    for (const value of vector) squares += value * value;
    const norm = Math.sqrt(squares);
    if (!Number.isFinite(norm) || norm === 0) throw new VectorError('a vector must be finite and not zero');
    return vector.map((value) => value / norm);
  }

  #grow(entries: number): void {
    const needed = entries * this.#options.dimensions;
    if (needed <= this.#block.length) return;
    const capacity = Math.min(this.#options.maxEntries, Math.max(64, entries * 2));
    const block = new Float32Array(capacity * this.#options.dimensions);
    block.set(this.#block);
    this.#block = block;
  }
}
