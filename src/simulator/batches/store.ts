import { ApiError, invalidRequest, notFound } from '../api-error.ts';
import type { Batch, Outcomes } from './batch.ts';

const MOST_BATCHES = 1_000;
/** The documented bound on queued batch requests, at its most generous (reference 4.4). */
const MOST_ITEMS = 500_000;

interface Kept {
  readonly batch: Batch;
  /** Counted once, when the batch has ended. */
  outcomes: Outcomes | undefined;
}

/** The batches of all organizations, newest last. Bounded: the oldest that have ended make room for new ones. */
export class BatchStore {
  readonly #kept = new Map<string, Kept>();
  #items = 0;

  /** Throws the API's 429 when too much is queued. */
  add(batch: Batch, now: number): void {
    this.#makeRoom(batch.items.length, now);
    this.#kept.set(batch.id, { batch, outcomes: undefined });
    this.#items += batch.items.length;
  }

  /** Throws the API's 404, also for batches of others. */
  get(id: string, organization: string): Batch {
    const kept = this.#kept.get(id);
    if (kept?.batch.terms.organization !== organization) throw notFound(`Batch ${id} not found`);
    return kept.batch;
  }

  /** How an ended batch's requests went, counted by `count` the first time. */
  outcomes(batch: Batch, count: (batch: Batch) => Outcomes): Outcomes {
    const kept = this.#kept.get(batch.id);
    if (kept === undefined) return count(batch);
    kept.outcomes ??= count(batch);
    return kept.outcomes;
  }

  /** Those of an organization, newest first. */
  list(organization: string): readonly Batch[] {
    const batches = [...this.#kept.values()].map(({ batch }) => batch);
    return batches.filter((batch) => batch.terms.organization === organization).toReversed();
  }

  /** Throws ApiError for one that does not exist or still runs. */
  delete(id: string, organization: string, now: number): void {
    const batch = this.get(id, organization);
    if (!batch.hasEnded(now)) throw invalidRequest(`Batch ${id} is still processing and cannot be deleted.`);
    this.#forget(batch);
  }

  #forget(batch: Batch): void {
    this.#kept.delete(batch.id);
    this.#items -= batch.items.length;
  }

  #makeRoom(items: number, now: number): void {
    for (const { batch } of this.#kept.values()) {
      if (this.#kept.size < MOST_BATCHES && this.#items + items <= MOST_ITEMS) return;
      if (batch.hasEnded(now)) this.#forget(batch);
    }
    if (this.#kept.size < MOST_BATCHES && this.#items + items <= MOST_ITEMS) return;
    throw new ApiError(429, 'rate_limit_error', 'Too many batch requests are in processing queues.');
  }
}
