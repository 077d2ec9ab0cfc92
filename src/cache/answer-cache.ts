import type { Usage } from '../completion/usage.ts';
import { hexDigestWords } from './policy/key-hash.ts';
import { TinyLfuCache } from './tiny-lfu.ts';
import type { TinyLfuMetrics } from './tiny-lfu-metrics.ts';

/** An answer that may be given again. */
export interface CachedAnswer {
  /** JSON text of the Message. */
  readonly body: string;
  /** The request it answers; compared where the digest of the key could be made to collide. */
  readonly request: string;
  readonly usage: Usage;
  /** Where the edge keeps its own form of the body. */
  readonly memo: { wire?: Uint8Array };
}

/** An answer that was found, and its life so far. Times are milliseconds. */
export interface FoundAnswer {
  readonly answer: CachedAnswer;
  readonly age: number;
  readonly ttl: number;
  /** Hits in this life, this one included. */
  readonly hits: number;
}

export interface AnswerCacheOptions {
  readonly maxBytes: number;
  readonly counters: number;
  readonly ttlMs: number;
  readonly clock: { now(): number };
  /** Keep the request of each answer, for a digest that can be made to collide. */
  readonly keepsRequests: boolean;
  /** Told of every key whose answer has left. */
  readonly left: (key: string) => void;
}

/** Answers larger than this share of the cache are not kept: one of them would displace too many others. */
const LARGEST_SHARE = 64;
/** What an entry takes beside its texts: objects, map slots, the reply's own memo. */
const ENTRY_OVERHEAD = 512;
/** How long popularity is remembered. */
const HALF_LIFE_MS = 3_600_000;

/** The cache of answers in this process, by the digests of their requests. */
export class AnswerCache {
  private readonly options: AnswerCacheOptions;
  private readonly cache: TinyLfuCache<string, CachedAnswer>;

  constructor(options: AnswerCacheOptions) {
    this.options = options;
    this.cache = new TinyLfuCache({
      capacity: options.maxBytes,
      maxEntryCost: Math.floor(options.maxBytes / LARGEST_SHARE),
      counters: options.counters,
      ttl: options.ttlMs,
      halfLife: HALF_LIFE_MS,
      hash: hexDigestWords,
      clock: options.clock,
      onRemove: (key, _answer, removal) => {
        if (removal !== 'replaced') options.left(key);
      },
    });
  }

  get metrics(): TinyLfuMetrics {
    return this.cache.metrics;
  }

  get bytes(): number {
    return this.cache.bytes;
  }

  get entries(): number {
    return this.cache.size;
  }

  /** The answer to exactly this request; undefined where there is none, or none that is known to be to this request. */
  find(key: string, request: string): FoundAnswer | undefined {
    const answer = this.cache.get(key);
    if (answer === undefined || (this.options.keepsRequests && answer.request !== request)) return undefined;
    return this.described(key, answer);
  }

  /** The answer under a key that was found by another way than its request. */
  take(key: string): FoundAnswer | undefined {
    const answer = this.cache.get(key);
    return answer === undefined ? undefined : this.described(key, answer);
  }

  /** @param ttlMs from now; as the cache was told where undefined */
  keep(key: string, request: string, body: string, usage: Usage, ttlMs: number | undefined): boolean {
    const kept = this.options.keepsRequests ? request : '';
    // The body stands there twice: as JSON, and as the edge encoded it.
    const cost = 2 * body.length + kept.length + ENTRY_OVERHEAD;
    return this.cache.set(key, { body, request: kept, usage, memo: {} }, cost, ttlMs ?? this.options.ttlMs);
  }

  delete(key: string): void {
    this.cache.delete(key);
  }

  private described(key: string, answer: CachedAnswer): FoundAnswer | undefined {
    const info = this.cache.info(key);
    return info === undefined ? undefined : { answer, age: info.age, ttl: info.ttl, hits: info.hits };
  }
}
