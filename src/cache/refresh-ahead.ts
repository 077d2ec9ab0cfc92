import type { FoundAnswer } from './answer-cache.ts';

export interface RefreshOptions {
  /** Share of an answer's life after which a read may renew it; 1 for never. */
  readonly after: number;
  /** Renewals allowed for each hit, over time. */
  readonly budgetRatio: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Fewer hits in one life do not make an answer worth renewing (data: refresh-ahead at the reference workload). */
const WORTHWHILE_HITS = 3;
/** Renewals that may be saved up. */
const MOST_SAVED = 10;
/** Part of the last stretch of life over which renewals are spread, so that answers made together are not renewed together. */
const JITTER = 0.5;

/**
 * Decides which reads renew an answer before it expires: popular ones near the end of their life, one flight a key, paid
 * from a budget of the hits. An answer that nobody reads any more is not read, and so never renewed again.
 */
export class RefreshAhead {
  private readonly options: RefreshOptions;
  private readonly underWay = new Set<string>();
  private budget = MOST_SAVED;

  constructor(options: RefreshOptions) {
    this.options = options;
  }

  /** Counts a hit, and says whether it is to renew its answer. Call `done` when the renewal is over. */
  begin(key: string, { age, ttl, hits }: FoundAnswer): boolean {
    this.budget = Math.min(MOST_SAVED, this.budget + this.options.budgetRatio);
    const { after, random } = this.options;
    const due = after + (1 - after) * JITTER * random();
    if (after >= 1 || hits < WORTHWHILE_HITS || age < ttl * due) return false;
    if (this.budget < 1 || this.underWay.has(key)) return false;
    this.budget -= 1;
    this.underWay.add(key);
    return true;
  }

  done(key: string): void {
    this.underWay.delete(key);
  }
}
