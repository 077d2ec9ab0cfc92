/** One message batch. What has become of it follows from the time alone, so nothing runs while nobody looks. */
import { invalidRequest } from '../api-error.ts';
import type { ApiVersion } from '../validation/fields.ts';

/** One request of a batch, as it came. */
export interface BatchItem {
  readonly custom_id: string;
  /** A Messages body; judged only when it is processed. */
  readonly params: unknown;
}

/** How a request of a batch ended, before it is known whether its body was right. */
export type ItemFate = 'processed' | 'canceled' | 'expired';

const HOUR = 3_600_000;
const LIFETIME = 24 * HOUR;
const RETENTION = 29 * 24 * HOUR;
/** How much of its whole time a batch still runs after it was canceled. */
const CANCELING_SHARE = 0.1;

/** How many of the processed requests came to what; asked for once the batch has ended. */
export interface Outcomes {
  readonly succeeded: number;
  readonly errored: number;
}

/** A batch as the API shows it. */
export interface BatchInfo {
  readonly id: string;
  readonly [field: string]: unknown;
}

function timestamp(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}

/** What a batch's requests are judged by: what came with its creation, whoever looks later. */
export interface BatchTerms {
  readonly organization: string;
  readonly version: ApiVersion;
  readonly betas: readonly string[];
}

/** A batch from its creation to its archive. */
export class Batch {
  readonly id: string;
  readonly terms: BatchTerms;
  readonly items: readonly BatchItem[];
  readonly createdAt: number;
  readonly #duration: number;
  #canceledAt: number | null = null;

  /** `createdAt` in epoch milliseconds; `duration` in milliseconds, more than a day for a batch that expires. */
  constructor(id: string, terms: BatchTerms, items: readonly BatchItem[], createdAt: number, duration: number) {
    this.id = id;
    this.terms = terms;
    this.items = items;
    this.createdAt = createdAt;
    this.#duration = duration;
  }

  /** When it ends, as things stand. */
  get endsAt(): number {
    const end = this.createdAt + Math.min(this.#duration, LIFETIME);
    return this.#canceledAt === null ? end : Math.min(end, this.#canceledAt + this.#duration * CANCELING_SHARE);
  }

  hasEnded(now: number): boolean {
    return now >= this.endsAt;
  }

  /** Throws ApiError when it has ended; a second cancel changes nothing. */
  cancel(now: number): void {
    if (this.hasEnded(now)) throw invalidRequest(`Batch ${this.id} has ended and cannot be canceled.`);
    this.#canceledAt ??= now;
  }

  /** How the item at an index ends. Items are processed in order, evenly over the time a batch takes. */
  fateOf(index: number): ItemFate {
    const workedUntil = this.#canceledAt ?? this.createdAt + Math.min(this.#duration, LIFETIME);
    const share = this.#duration === 0 ? 1 : (workedUntil - this.createdAt) / this.#duration;
    if (index < Math.floor(this.items.length * share)) return 'processed';
    return this.#canceledAt === null ? 'expired' : 'canceled';
  }

  /** As the API shows it. `outcomes` is asked only after the end; `baseUrl` is where its results are fetched. */
  describe(now: number, outcomes: () => Outcomes, baseUrl: string): BatchInfo {
    const ended = this.hasEnded(now);
    const archived = now >= this.createdAt + RETENTION;
    return {
      id: this.id,
      type: 'message_batch',
      processing_status: ended ? 'ended' : this.#canceledAt === null ? 'in_progress' : 'canceling',
      request_counts: this.#counts(ended, outcomes),
      created_at: timestamp(this.createdAt),
      expires_at: timestamp(this.createdAt + LIFETIME),
      ended_at: timestamp(ended ? this.endsAt : null),
      cancel_initiated_at: timestamp(this.#canceledAt),
      archived_at: timestamp(archived ? this.createdAt + RETENTION : null),
      results_url: ended && !archived ? `${baseUrl}/v1/messages/batches/${this.id}/results` : null,
    };
  }

  /** Whether its results can be fetched. */
  hasResults(now: number): boolean {
    return this.hasEnded(now) && now < this.createdAt + RETENTION;
  }

  #counts(ended: boolean, outcomes: () => Outcomes): object {
    if (!ended) return { processing: this.items.length, succeeded: 0, errored: 0, canceled: 0, expired: 0 };
    const { succeeded, errored } = outcomes();
    const rest = this.items.length - succeeded - errored;
    const canceled = this.#canceledAt === null ? 0 : rest;
    return { processing: 0, succeeded, errored, canceled, expired: rest - canceled };
  }
}
