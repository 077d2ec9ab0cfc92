import { matchesAnyModel } from '../completion/model-pattern.ts';
import { type ConfiguredLimits, LimitSet } from './limit-set.ts';
import { Pacer, type PacerSurroundings } from './pacer.ts';
import type { Suspension } from './suspension.ts';

/** The boundary of upstream limits, prompt cache and signatures; accounts are its keys. */
export class Organization {
  readonly name: string;
  /** Out of service when it cannot pay or has reached a spend limit. */
  readonly suspension: Suspension;
  readonly pacers = new Map<string, Pacer>();
  readonly #surroundings: PacerSurroundings;
  #limits: readonly { readonly configured: ConfiguredLimits; readonly set: LimitSet }[] = [];

  constructor(name: string, suspension: Suspension, surroundings: PacerSurroundings) {
    this.name = name;
    this.suspension = suspension;
    this.#surroundings = surroundings;
  }

  /**
   * Takes the limits that its accounts configure; entries for the same models are one limit, the smaller. Entries that
   * did not change keep what was counted.
   */
  configure(entries: readonly ConfiguredLimits[]): void {
    const before = this.#limits;
    this.#limits = merge(entries).map((configured) => ({
      configured,
      set:
        before.find((known) => sameLimits(known.configured, configured))?.set ??
        new LimitSet(configured, this.#surroundings.burstMs),
    }));
    for (const [name, pacer] of this.pacers) {
      const own = this.#limits.find(({ configured }) => nameOf(configured) === name);
      const bound = own ?? this.#limits.find(({ configured }) => isForAll(configured));
      pacer.bind(bound === undefined ? [] : [bound.set]);
    }
  }

  /**
   * The name under which a model is paced: the patterns of the configured limit that names it, else the API's own class.
   */
  classOf(model: string, apiClass: string): string {
    const limits = this.#limitsOf(model, apiClass);
    return limits === undefined || isForAll(limits.configured) ? apiClass : nameOf(limits.configured);
  }

  /** The pacer of a model, which all models of its class share. */
  pacerOf(model: string, apiClass: string): Pacer {
    const name = this.classOf(model, apiClass);
    let pacer = this.pacers.get(name);
    if (pacer === undefined) {
      const limits = this.#limitsOf(model, apiClass);
      pacer = new Pacer(name, limits === undefined ? [] : [limits.set], this.#surroundings);
      this.pacers.set(name, pacer);
    }
    return pacer;
  }

  close(): void {
    this.suspension.close();
    for (const pacer of this.pacers.values()) pacer.close();
  }

  /** Token counting and listing have upstream limits of their own, so that only a limit on everything binds them. */
  #limitsOf(model: string, apiClass: string) {
    const apart = apiClass === 'count_tokens' || apiClass === 'models';
    return this.#limits.find(
      ({ configured }) => isForAll(configured) || (!apart && matchesAnyModel(configured.models, model)),
    );
  }
}

function isForAll(limits: ConfiguredLimits): boolean {
  return limits.models.includes('*');
}

function nameOf(limits: ConfiguredLimits): string {
  return limits.models.join(',');
}

const FIGURES = ['requestsPerMinute', 'inputTokensPerMinute', 'outputTokensPerMinute', 'concurrentRequests'] as const;

function merge(entries: readonly ConfiguredLimits[]): ConfiguredLimits[] {
  const byModels = new Map<string, ConfiguredLimits>();
  for (const entry of entries) {
    const models = nameOf(entry);
    const known = byModels.get(models);
    byModels.set(models, known === undefined ? entry : smaller(known, entry));
  }
  return [...byModels.values()];
}

function smaller(a: ConfiguredLimits, b: ConfiguredLimits): ConfiguredLimits {
  const least = FIGURES.map((figure) => [
    figure,
    Math.min(a[figure] ?? Number.POSITIVE_INFINITY, b[figure] ?? Number.POSITIVE_INFINITY),
  ]);
  return { models: a.models, ...Object.fromEntries(least.filter(([, value]) => Number.isFinite(value))) };
}

function sameLimits(a: ConfiguredLimits, b: ConfiguredLimits): boolean {
  return nameOf(a) === nameOf(b) && FIGURES.every((figure) => a[figure] === b[figure]);
}
