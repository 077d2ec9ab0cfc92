import { matchNames, type NameMatcher } from '../glob.ts';
import type { Random } from '../random.ts';
import type { Endpoint, FaultRule } from './rules.ts';

/** A request, as far as rules tell requests apart; `model` is empty where there is none. */
export interface FaultTarget {
  readonly endpoint: Endpoint;
  readonly key: string;
  readonly model: string;
}

interface ArmedRule {
  readonly rule: FaultRule;
  readonly models: NameMatcher;
  readonly keys: NameMatcher;
  readonly endpoints: readonly Endpoint[];
  /** Requests so far that it might have struck. */
  seen: number;
}

const DEFAULT_ENDPOINTS: readonly Endpoint[] = ['messages'];

/** Decides which requests go wrong, and how. */
export class FaultInjector {
  readonly #random: Random;
  readonly #now: () => number;
  #rules: readonly ArmedRule[] = [];
  #setAt = 0;

  constructor(rules: readonly FaultRule[], random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
    this.setRules(rules);
  }

  /** From now on these rules hold; their times and counts start anew. */
  setRules(rules: readonly FaultRule[]): void {
    this.#setAt = this.#now();
    this.#rules = rules.map((rule) => ({
      rule,
      models: matchNames(rule.models),
      keys: matchNames(rule.keys),
      endpoints: rule.endpoints ?? DEFAULT_ENDPOINTS,
      seen: 0,
    }));
  }

  /** The first rule that strikes; to be asked once for each request. */
  strike(target: FaultTarget): FaultRule | undefined {
    let struck: FaultRule | undefined;
    for (const armed of this.#rules) {
      if (!armed.endpoints.includes(target.endpoint) || !armed.models(target.model) || !armed.keys(target.key))
        continue;
      armed.seen++;
      if (struck === undefined && this.#applies(armed)) struck = armed.rule;
    }
    return struck;
  }

  #applies({ rule, seen }: ArmedRule): boolean {
    const { between, requests, rate } = rule;
    const elapsed = this.#now() - this.#setAt;
    if (between !== undefined && (elapsed < between.from || elapsed >= between.to)) return false;
    if (requests !== undefined && (seen < requests.from || seen > requests.to)) return false;
    return rate === undefined || this.#random() < rate;
  }
}
