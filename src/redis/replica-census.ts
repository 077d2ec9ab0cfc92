import type { RedisClock } from './clock.ts';
import type { RedisConnection } from './connection.ts';
import { ignoreUnavailable } from './errors.ts';
import { luaScript } from './script.ts';

export interface ReplicaCensusOptions {
  readonly redis: Pick<RedisConnection, 'run' | 'command'>;
  /** This replica's own, unique among all. */
  readonly id: string;
  /** Milliseconds between two heart-beats. */
  readonly intervalMs: number;
  /** Replicas believed to be there until Redis has told, this one included: a start without Redis counts on them. */
  readonly assumed: number;
  readonly clock: RedisClock;
}

const KEY = 'claude-relay:replicas:v1';

/** A replica that misses so many heart-beats is gone. */
const MISSED_BEATS = 3;

/** By Redis's own clock, so that those of the replicas need not agree. */
const BEAT = luaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
`);

/** Counts the relay's replicas, by the heart-beats that each leaves in Redis. */
export class ReplicaCensus {
  readonly #options: ReplicaCensusOptions;
  /** What the latest heart-beats that Redis has answered told. */
  #counts: readonly number[];
  #cancelBeat: () => void = () => {};
  #isClosed = false;

  constructor(options: ReplicaCensusOptions) {
    this.#options = options;
    this.#counts = [options.assumed];
  }

  /**
   * Replicas when Redis last told. The most of the last few heart-beats: a Redis that has just started empty knows this
   * one only, until the others have come by.
   */
  get count(): number {
    return Math.max(...this.#counts);
  }

  /** Begins; resolves after the first heart-beat, whether or not Redis took it. */
  async start(): Promise<void> {
    await this.#beat();
  }

  /** Takes this replica off the list, as far as Redis can be told. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelBeat();
    await this.#options.redis.command(['ZREM', KEY, this.#options.id]).catch(ignoreUnavailable);
  }

  async #beat(): Promise<void> {
    const { redis, id, intervalMs, clock } = this.#options;
    const count = await redis.run(BEAT, [KEY], [id, MISSED_BEATS * intervalMs]).catch(ignoreUnavailable);
    if (typeof count === 'number') this.#counts = [...this.#counts, count].slice(-MISSED_BEATS);
    if (!this.#isClosed) this.#cancelBeat = clock.after(intervalMs, () => void this.#beat());
  }
}
