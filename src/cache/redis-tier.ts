import { RedisUnavailable } from '../redis/errors.ts';
import { decodeStored, encodeStored, type Stored } from './envelope.ts';

/** Of the connection to Redis, what the tier needs. Both reject with RedisUnavailable only. */
export interface RedisCommands {
  readonly command: (args: readonly (string | Buffer)[]) => Promise<unknown>;
  readonly bytes: (args: readonly string[]) => Promise<Buffer>;
}

export interface RedisTierOptions {
  readonly redis: RedisCommands;
  /** Larger answers are neither written nor read: bytes of the JSON text, and as kept. 256 KiB hold nearly all. */
  readonly maxEntryBytes: number;
  /** Most writes under way at once; further ones are left out. */
  readonly maxWrites: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What the tier did since it was made. */
export interface RedisTierMetrics {
  hits: number;
  misses: number;
  /** Of the misses: Redis did not answer, or not in time. */
  unavailable: number;
  /** Of the misses: what was there was damaged, too large, or of another release; it was deleted. */
  undecodable: number;
  writes: number;
  /** Writes left out: too large, too many at once. */
  writesDropped: number;
  /** Writes and deletions that Redis did not confirm. */
  writesFailed: number;
}

const PREFIX = 'claude-relay:cache:v1:';

/**
 * The response cache's second level, which replicas share and which outlasts a restart. Losing Redis costs hits: a
 * look-up takes no longer than an operation of the connection may, and then misses.
 *
 * What lies there is as confidential as the answers themselves, and as trustworthy as whoever may write to that Redis.
 */
export class RedisTier {
  readonly metrics: RedisTierMetrics = {
    hits: 0,
    misses: 0,
    unavailable: 0,
    undecodable: 0,
    writes: 0,
    writesDropped: 0,
    writesFailed: 0,
  };
  readonly #options: RedisTierOptions;
  /** Look-ups under way: equal calls that come together ask Redis once. */
  readonly #reading = new Map<string, Promise<Stored | undefined>>();
  #writing = 0;

  constructor(options: RedisTierOptions) {
    this.#options = options;
  }

  /** The answer, where it is here and may be served. */
  get(key: string): Promise<Stored | undefined> {
    const underWay = this.#reading.get(key);
    if (underWay !== undefined) return underWay;
    const reading = this.#lookUp(key).finally(() => {
      if (this.#reading.get(key) === reading) this.#reading.delete(key);
    });
    this.#reading.set(key, reading);
    return reading;
  }

  /**
   * Keeps the answer for so many milliseconds from now, in the place of what is there: where it cannot be kept, that goes
   * all the same. Returns at once; what becomes of it only the metrics tell.
   *
   * @param key bounded in length and free of what anybody may not see, e.g. a digest
   */
  set(key: string, stored: Stored, ttlMs: number): void {
    const lifetime = Math.floor(ttlMs);
    if (!(lifetime > 0)) return;
    const bytes =
      this.#writing < this.#options.maxWrites ? encodeStored(stored, this.#options.maxEntryBytes) : undefined;
    if (bytes === undefined) {
      this.metrics.writesDropped += 1;
      void this.delete(key);
      return;
    }
    this.#writing += 1;
    void this.#write(key, ['SET', PREFIX + key, bytes, 'PX', String(lifetime)]).finally(() => {
      this.#writing -= 1;
    });
  }

  /** Resolves when the key is gone, or when Redis could not be told so. */
  delete(key: string): Promise<void> {
    return this.#write(key, ['DEL', PREFIX + key]);
  }

  async #lookUp(key: string): Promise<Stored | undefined> {
    const found = await this.#read(key);
    if (found === undefined) this.metrics.misses += 1;
    else this.metrics.hits += 1;
    return found;
  }

  async #read(key: string): Promise<Stored | undefined> {
    const { maxEntryBytes, now } = this.#options;
    const bytes = await this.#fetch(key);
    if (bytes === undefined || bytes.length === 0) return undefined;
    const stored = decodeStored(bytes, maxEntryBytes);
    if (stored === undefined) {
      this.#discard(key);
      return undefined;
    }
    return now() < stored.storedAtMs + stored.ttlMs ? stored : undefined;
  }

  async #fetch(key: string): Promise<Buffer | undefined> {
    const { redis, maxEntryBytes } = this.#options;
    try {
      // One byte more than may be, so that what is larger is neither fetched nor taken for whole.
      return await redis.bytes(['GETRANGE', PREFIX + key, '0', String(maxEntryBytes)]);
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown;
      if (thrown.detail === 'WRONGTYPE') this.#discard(key);
      else this.metrics.unavailable += 1;
      return undefined;
    }
  }

  #discard(key: string): void {
    this.metrics.undecodable += 1;
    void this.delete(key);
  }

  async #write(key: string, args: readonly (string | Buffer)[]): Promise<void> {
    // What is being looked up is what was there before.
    this.#reading.delete(key);
    try {
      await this.#options.redis.command(args);
      this.metrics.writes += 1;
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown;
      this.metrics.writesFailed += 1;
    }
  }
}
