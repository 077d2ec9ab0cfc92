import type { RedisConnection, RedisState } from '../redis/connection.ts';
import { RedisUnavailable } from '../redis/errors.ts';

const PREFIX = 'claude-relay:signature:v1:';

export interface RedisReplayMemoryOptions {
  readonly redis: Pick<RedisConnection, 'command' | 'onChange'>;
  /** Most claims kept to be told to Redis once it is back. */
  readonly maxUntold: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Lets replicas accept a signature once among them. It stands behind each replica's own ReplayMemory, which bounds what
 * is kept and remembers while Redis is lost: then a signature is accepted once by each replica, and those accepted
 * meanwhile are told to Redis when it is back.
 */
export class RedisReplayMemory {
  readonly #options: RedisReplayMemoryOptions;
  /** When what Redis was not told expires, milliseconds since the epoch, by key; the oldest first. */
  readonly #untold = new Map<string, number>();
  readonly #stopListening: () => void;

  constructor(options: RedisReplayMemoryOptions) {
    this.#options = options;
    this.#stopListening = options.redis.onChange((state) => this.#stateChanged(state));
  }

  /**
   * Claims a signature that this replica has just accepted for the first time, and that can be accepted until `expires`
   * (milliseconds since the epoch, inclusive). False where another replica was first.
   *
   * @param key as it is remembered by this replica
   */
  async claim(tenant: string, key: string, expires: number): Promise<boolean> {
    const name = `${PREFIX}${encodeURIComponent(tenant)}:${Buffer.from(key).toString('base64url')}`;
    try {
      return await this.#set(name, expires);
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown;
      this.#remember(name, expires);
      return true;
    }
  }

  close(): void {
    this.#stopListening();
  }

  /** Returns whether the key was not there. */
  async #set(name: string, expires: number): Promise<boolean> {
    // What has expired meanwhile takes a moment yet: Redis refuses a life of nothing.
    const life = Math.max(1, Math.ceil(expires - this.#options.now()) + 1);
    return (await this.#options.redis.command(['SET', name, '', 'NX', 'PX', String(life)])) !== null;
  }

  #remember(name: string, expires: number): void {
    this.#untold.set(name, expires);
    if (this.#untold.size <= this.#options.maxUntold) return;
    const [oldest] = this.#untold.keys();
    if (oldest !== undefined) this.#untold.delete(oldest);
  }

  #stateChanged(state: RedisState): void {
    if (state === 'up') void this.#tell();
  }

  /** Tells Redis what was accepted without it, until it is lost again. */
  async #tell(): Promise<void> {
    for (const [name, expires] of this.#untold) {
      try {
        await this.#set(name, expires);
      } catch (thrown) {
        if (!(thrown instanceof RedisUnavailable)) throw thrown;
        return;
      }
      this.#untold.delete(name);
    }
  }
}
