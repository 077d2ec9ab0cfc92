import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MemoryQuotaStore } from '../access/memory-quota-store.ts';
import type { QuotaStore } from '../access/quota-store.ts';
import { RedisReplayMemory } from '../access/redis-replay-memory.ts';
import { RedisQuotaStore } from '../access/redis-quota-store.ts';
import type { RedisConfig } from '../config/sections/redis.ts';
import { systemClock } from '../endpoints/clock.ts';
import { RedisConnection } from '../redis/connection.ts';
import { ReplicaCensus } from '../redis/replica-census.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** What an operation on Redis may cost a call, in milliseconds. */
const OPERATION_TIMEOUT_MS = 40;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_PENDING = 4_096;
const LEASE_MS = 60_000;
const MAX_ARREARS = 10_000;
/** Signatures accepted while Redis is lost that are kept to be told to it. */
const MAX_UNTOLD = 100_000;
const HEARTBEAT_MS = 5_000;
/** Replicas counted on before Redis has told how many there are. */
const ASSUMED_REPLICAS = 2;

export interface SharedState {
  /** Undefined where no Redis is configured. */
  readonly redis: RedisConnection | undefined;
  readonly quotaStore: QuotaStore;
  /** Lets replicas accept a signature once among them; undefined where there is one replica. */
  readonly replays: RedisReplayMemory | undefined;
  /** Shows in the metrics whether Redis is lost, where one is configured. Once only. */
  readonly watch: (metrics: Pick<Metrics, 'watchRedis'>) => void;
  readonly close: () => Promise<void>;
}

/** State that replicas share in Redis, where one is configured; else this process's own. */
export async function openSharedState(config: RedisConfig | undefined, log: Log): Promise<SharedState> {
  if (config === undefined) {
    return {
      redis: undefined,
      quotaStore: new MemoryQuotaStore(),
      replays: undefined,
      watch: () => undefined,
      close: () => Promise.resolve(),
    };
  }
  const clock = systemClock;
  const redis = new RedisConnection({
    url: config.url,
    ca: config.caFile === undefined ? undefined : readFileSync(config.caFile, 'utf8'),
    operationTimeoutMs: OPERATION_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    maxPending: MAX_PENDING,
    clock,
  });
  redis.onChange((state, cause) => {
    if (state === 'up') log.info('Redis answers: state is shared with other replicas');
    else log.warn('Redis does not answer: going on with the state of this replica', { cause });
  });
  const replicas = new ReplicaCensus({
    redis,
    id: randomUUID(),
    intervalMs: HEARTBEAT_MS,
    assumed: ASSUMED_REPLICAS,
    clock,
  });
  await replicas.start();
  const quotaStore = new RedisQuotaStore({ redis, replicas, leaseMs: LEASE_MS, maxArrears: MAX_ARREARS, clock });
  const replays = new RedisReplayMemory({ redis, maxUntold: MAX_UNTOLD, now: Date.now });
  return {
    redis,
    quotaStore,
    replays,
    watch: (metrics) => metrics.watchRedis(() => redis.state),
    async close() {
      quotaStore.close();
      replays.close();
      await replicas.close();
      await redis.close();
    },
  };
}
