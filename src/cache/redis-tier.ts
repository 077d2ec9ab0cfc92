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
  #writing = 0;

  constructor(options: RedisTierOptions) {
    this.#options = options;
  }

  /** The answer, where it is here and may be served. */
  async get(key: string): Promise<Stored | undefined> {
    const found = await this.#read(key);
    if (found === undefined) this.metrics.misses += 1;
    else this.metrics.hits += 1;
    return found;
  }

  /**
   * Keeps the answer for so many milliseconds from now. Returns at once; what becomes of it only the metrics tell.
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
      return;
    }
    void this.#write(['SET', PREFIX + key, bytes, 'PX', String(lifetime)]);
  }

  /** Resolves when the key is gone, or when Redis could not be told so. */
  delete(key: string): Promise<void> {
    return this.#write(['DEL', PREFIX + key]);
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

  async #write(args: readonly (string | Buffer)[]): Promise<void> {
    this.#writing += 1;
    try {
      await this.#options.redis.command(args);
      this.metrics.writes += 1;
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown;
      this.metrics.writesFailed += 1;
    } finally {
      this.#writing -= 1;
    }
  }
}
