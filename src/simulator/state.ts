import { BatchStore } from './batches/store.ts';
import { FaultInjector } from './faults/injector.ts';
import type { EncodingPolicy } from './http/encoding.ts';
import { Ids } from './ids.ts';
import { RateLimiter } from './limits/rate-limiter.ts';
import { ModelIndex } from './models/catalogue.ts';
import type { SimulatorOptions } from './options.ts';
import { Pace } from './pace.ts';
import { Principals } from './principal.ts';
import { PromptCache } from './prompt-cache.ts';
import type { Random } from './random.ts';
import { Records } from './records.ts';
import { ThinkingSigner } from './signature.ts';

/** Everything that the requests of one simulator share. */
export interface SimulatorState {
  readonly options: SimulatorOptions;
  readonly models: ModelIndex;
  readonly betas: ReadonlySet<string>;
  readonly principals: Principals;
  readonly signer: ThinkingSigner;
  readonly cache: PromptCache;
  readonly limiter: RateLimiter;
  readonly faults: FaultInjector;
  readonly pace: Pace;
  readonly records: Records;
  readonly batches: BatchStore;
  readonly ids: Ids;
  /** For the spaces that the API pads events with. */
  readonly padding: Random;
  encodings: EncodingPolicy;
}

/** Builds what one simulator needs; `instance` keeps the ids of simulators of one seed apart. */
export function createState(options: SimulatorOptions, instance: string): SimulatorState {
  const { clock, seed, createRandom } = options;
  return {
    options,
    models: new ModelIndex(options.models),
    betas: new Set(options.betas),
    principals: new Principals(options.apiKeys),
    signer: new ThinkingSigner(seed),
    cache: new PromptCache(clock.now),
    limiter: new RateLimiter(options.limits, clock.now),
    faults: new FaultInjector(options.faults, createRandom(`${seed}/faults`), clock.now),
    pace: new Pace(options.latency, options.slowdown, createRandom(`${seed}/latency`)),
    records: new Records(options.recordCapacity),
    batches: new BatchStore(),
    ids: new Ids(createRandom(`${seed}/ids/${instance}`)),
    padding: createRandom(`${seed}/padding`),
    encodings: { accepted: options.acceptedEncodings, unsupportedStatus: options.unsupportedEncodingStatus },
  };
}
