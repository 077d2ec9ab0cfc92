import { type Clock, systemClock } from './clock.ts';
import type { FaultRule } from './faults/rules.ts';
import type { LimitRule } from './limits/rules.ts';
import { type Latency, NO_LATENCY } from './latency.ts';
import { MODEL_CATALOGUE, type ModelSpec } from './models/catalogue.ts';
import { type Random, seededRandom } from './random.ts';
import type { Range } from './spec.ts';
import { KNOWN_BETAS } from './validation/headers.ts';
import type { ContentEncoding } from './http/encoding.ts';

/** An API key that is accepted. */
export interface ApiKey {
  readonly key: string;
  /** Keys of one organization share limits, prompt cache, batches and signatures; one of its own without it. */
  readonly organization?: string;
}

/** How the simulator behaves; complete: spread `defaultSimulatorOptions` and change what matters. */
export interface SimulatorOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** None: every key that is not empty is accepted, and is an organization of its own. */
  readonly apiKeys: readonly ApiKey[];
  /** Models that exist; any other is answered with 404. */
  readonly models: readonly ModelSpec[];
  /** `anthropic-beta` values that exist; any other is answered with 400. */
  readonly betas: readonly string[];
  readonly latency: Latency;
  /** Every wait is multiplied by it. */
  readonly slowdown: number;
  /** Tokens of a text answer, unless `max_tokens` or a stop sequence ends it; the request decides where in the range. */
  readonly outputTokens: Range;
  /** Tokens in one delta of a stream. */
  readonly tokensPerEvent: number;
  /** Milliseconds of silence in a stream before a ping is sent. */
  readonly pingInterval: number;
  readonly limits: readonly LimitRule[];
  readonly faults: readonly FaultRule[];
  /** Codings of request bodies that are accepted. */
  readonly acceptedEncodings: readonly ContentEncoding[];
  /** What other codings are answered with: the API's 400, or the 415 of gateways (RFC 9110, 15.5.16). */
  readonly unsupportedEncodingStatus: 400 | 415;
  /** Which answers are compressed for clients that ask: none, whole ones over 1 KiB, or streams too. */
  readonly compression: 'none' | 'whole' | 'all';
  /** Milliseconds from the creation of a batch to its end. */
  readonly batchDuration: number;
  /** Milliseconds that open requests get when the simulator closes. */
  readonly closeGrace: number;
  /** Everything random follows from it: faults, jitter, padding, ids, signatures. */
  readonly seed: string;
  /** Makes the generators, one for each purpose, so that none disturbs another. */
  readonly createRandom: (seed: string) => Random;
  readonly clock: Clock;
  /** Requests that are remembered; older ones are forgotten. */
  readonly recordCapacity: number;
  /** Whether records keep the text of request bodies: for tests, not for load. */
  readonly recordBodies: boolean;
}

/** No waits, no limits, no faults, any key, any free port on the loopback interface. */
export const defaultSimulatorOptions: SimulatorOptions = {
  host: '127.0.0.1',
  port: 0,
  apiKeys: [],
  models: MODEL_CATALOGUE,
  betas: KNOWN_BETAS,
  latency: NO_LATENCY,
  slowdown: 1,
  outputTokens: { from: 60, to: 180 },
  tokensPerEvent: 4,
  pingInterval: 10_000,
  limits: [],
  faults: [],
  acceptedEncodings: ['gzip', 'deflate', 'br', 'zstd'],
  unsupportedEncodingStatus: 400,
  compression: 'whole',
  batchDuration: 1_000,
  closeGrace: 1_000,
  seed: 'simulator',
  createRandom: seededRandom,
  clock: systemClock,
  recordCapacity: 10_000,
  recordBodies: false,
};
