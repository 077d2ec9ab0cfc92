import type { Usage } from '../completion/usage.ts';
import { hexDigestWords } from './policy/key-hash.ts';
import { TinyLfuCache } from './tiny-lfu.ts';
import type { TinyLfuMetrics } from './tiny-lfu-metrics.ts';

/** An answer on its way into the cache. */
export interface NewAnswer {
  /** JSON text of the Message. */
  readonly body: string;
  readonly usage: Usage;
  /** How old it is already: 0 for one that has just been made. Milliseconds. */
  readonly age: number;
  /** Whether a simulated upstream made it. */
  readonly simulated?: boolean;
}

/** An answer that may be given again. */
export interface CachedAnswer extends NewAnswer {
  /** What it answers, as it was told to `keep`. */
  readonly request: string;
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
  readonly clock: { now(): number };
  /** Told of every key whose answer has left, or is one to another request now. */
  readonly left: (key: string) => void;
}

/** Answers larger than this share of the cache are not kept: one of them would displace too many others. */
const LARGEST_SHARE = 64;
/** What an entry takes beside its texts: objects, map slots, the reply's own memo. */
const ENTRY_OVERHEAD = 512;
/** How long popularity is remembered. */
const HALF_LIFE_MS = 3_600_000;

/**
 * The cache of answers in this process, by the digests of their requests. Where such a digest can be made to collide, the
 * request itself is handed in too, and an answer is found by nothing else; where it cannot, an empty text stands for it.
 */
export class AnswerCache {
  private readonly options: AnswerCacheOptions;
  private readonly cache: TinyLfuCache<string, CachedAnswer>;
  private readonly largest: number;

  constructor(options: AnswerCacheOptions) {
    this.options = options;
    this.largest = options.maxBytes / LARGEST_SHARE;
    this.cache = new TinyLfuCache({
      capacity: options.maxBytes,
      maxEntryCost: options.maxBytes,
      counters: options.counters,
      ttl: Number.POSITIVE_INFINITY,
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

  /** Removes at most `limit` answers that have expired, and returns how many there were. */
  reap(limit: number): number {
    return this.cache.reap(limit);
  }

  /** The answer to exactly this request. */
  find(key: string, request: string): FoundAnswer | undefined {
    const found = this.take(key);
    return found?.answer.request === request ? found : undefined;
  }

  /** The answer under a key that was found by another way than its request. */
  take(key: string): FoundAnswer | undefined {
    const found = this.cache.find(key);
    if (found === undefined) return undefined;
    const { value: answer, age, ttl, hits } = found;
    return { answer, age: answer.age + age, ttl: answer.age + ttl, hits };
  }

  /** Milliseconds since the answer to exactly this request was made; undefined where there is none. Not counted as a request. */
  ageOf(key: string, request: string): number | undefined {
    const answer = this.cache.peek(key);
    const info = answer?.request === request ? this.cache.info(key) : undefined;
    return answer && info && answer.age + info.age;
  }

  /**
   * Keeps an answer in the place of what is there, unless it is too large: then there is none.
   *
   * @param ttl how long it may be served, from when it was made, in milliseconds
   * @returns whether it was kept
   */
  keep(key: string, request: string, answer: NewAnswer, ttl: number): boolean {
    // Where there are no requests to tell apart, a key stands for the same one always.
    const present = request === '' ? undefined : this.cache.peek(key);
    if (present !== undefined && present.request !== request) this.options.left(key);
    const size = Buffer.byteLength(answer.body);
    if (size > this.largest) {
      this.cache.delete(key);
      return false;
    }
    // The body stands there twice: as JSON, and as the edge encoded it.
    const cost = heapBytes(answer.body, size) + size + heapBytes(request) + ENTRY_OVERHEAD;
    return this.cache.set(key, { ...answer, request, memo: {} }, cost, ttl - answer.age);
  }
}

/**
 * What a text takes on the heap: two bytes a character once one of them is beyond ASCII, as nearly every longer answer has
 * one (a dash, a quotation mark). V8 could hold Latin-1 in one, but not what Node decodes from UTF-8.
 */
function heapBytes(text: string, utf8Bytes = Buffer.byteLength(text)): number {
  return utf8Bytes === text.length ? text.length : 2 * text.length;
}
