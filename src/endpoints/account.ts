import type { Service } from '../completion/service.ts';
import type { ConfiguredLimits } from './limit-set.ts';

/** Where an account may be used. */
export interface RegionOptions {
  readonly name: string;
  readonly baseUrl: string;
}

/**
 * What pooling needs to know of an account. Whatever else an account carries (provider, key) is for `connect`; when any of
 * that changes in an update, the account is connected anew.
 */
export interface AccountOptions {
  readonly name: string;
  /** Keys of one organization share limits, prompt cache and signatures. */
  readonly organization: string;
  /** Share of traffic relative to other accounts; positive. */
  readonly weight: number;
  /** Tier: a lower one is used while it has capacity. */
  readonly priority: number;
  /** Patterns with `*` of the models it may serve. */
  readonly models: readonly string[];
  /** Of the organization; empty: learned from the upstream's headers. */
  readonly limits: readonly ConfiguredLimits[];
  readonly regions: readonly RegionOptions[];
}

/** One endpoint's way to the upstream. */
export interface Connection {
  readonly service: Service;
  /** Resolves when calls under way have ended and nothing is held open. */
  close(): Promise<void>;
}
