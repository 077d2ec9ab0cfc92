import type { CachedAnswer, FoundAnswer } from './answer-cache.ts';

export interface RefreshOptions {
  /** Share of an answer's life after which a read may renew it; 1 for never. */
  readonly after: number;
  /** Renewals allowed for each hit, over time. */
  readonly budgetRatio: number;
  /** Whether the upstream can take a renewal now without taking anything from anybody. */
  readonly hasCapacity: () => boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What was decided on one life of an answer. */
interface Life {
  /** Share of the life from which on reads renew it. */
  due: number;
  /** Renewals begun in this life: as long as it goes on, they came to nothing. */
  renewals: number;
}

/** Fewer hits in one life do not make an answer worth renewing (data: refresh-ahead at the reference workload). */
const WORTHWHILE_HITS = 3;
/** Renewals that may be saved up. */
export const MOST_SAVED = 10;
/** Part of the last stretch of life over which renewals are spread, so that answers made together are not renewed together. */
const JITTER = 0.5;
/** Share of a life for which reads do not ask again whether there is capacity: who looks, looks at all endpoints. */
const PAUSE = 0.02;
/** A renewal may fail, or bring an answer that is not kept: after so many in one life, the answer may expire. */
const MOST_RENEWALS = 2;

/**
 * Decides which reads renew an answer before it expires: popular ones near the end of their life, one flight a key, paid
 * from a budget of the hits, while the upstream has capacity to spare. A renewed answer begins a new life without hits:
 * one that nobody reads is not renewed again.
 */
export class RefreshAhead {
  private readonly options: RefreshOptions;
  private readonly underWay = new Set<string>();
  private readonly lives = new WeakMap<CachedAnswer, Life>();
  private budget = MOST_SAVED;

  constructor(options: RefreshOptions) {
    this.options = options;
  }

  /** Counts a hit, and says whether it is to renew its answer. Call `done` when the renewal is over. */
  begin(key: string, { answer, age, ttl, hits }: FoundAnswer): boolean {
    const { after, budgetRatio, hasCapacity } = this.options;
    this.budget = Math.min(MOST_SAVED, this.budget + budgetRatio);
    if (after >= 1 || hits < WORTHWHILE_HITS || age < ttl * after) return false;
    const life = this.lifeOf(answer);
    if (age < ttl * life.due || life.renewals >= MOST_RENEWALS) return false;
    if (this.budget < 1 || this.underWay.has(key)) return false;
    if (!hasCapacity()) {
      life.due = age / ttl + PAUSE;
      return false;
    }
    this.budget -= 1;
    life.renewals += 1;
    this.underWay.add(key);
    return true;
  }

  done(key: string): void {
    this.underWay.delete(key);
  }

  /** Drawn once for each life: of a popular answer's many reads, one would always draw the earliest time. */
  private lifeOf(answer: CachedAnswer): Life {
    const known = this.lives.get(answer);
    if (known !== undefined) return known;
    const { after, random } = this.options;
    const life: Life = { due: after + (1 - after) * JITTER * random(), renewals: 0 };
    this.lives.set(answer, life);
    return life;
  }
}
