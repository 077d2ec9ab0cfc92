import { AnswerCache } from '../cache/answer-cache.ts';
import { splitLastTurn } from '../cache/last-turn.ts';
import { RedisTier } from '../cache/redis-tier.ts';
import { RefreshAhead } from '../cache/refresh-ahead.ts';
import { SimilarFinder } from '../cache/similar/similar-finder.ts';
import { SimilarIndex } from '../cache/similar/similar-index.ts';
import type { Call } from '../completion/call.ts';
import { RelayError } from '../completion/errors.ts';
import { startTrace } from '../completion/trace.ts';
import type { Layer } from '../completion/service.ts';
import type { Config } from '../config/load.ts';
import { keep } from '../layers/keep.ts';
import { reuse } from '../layers/reuse.ts';
import { type ReuseDefaults, reusePlan } from '../layers/reuse-plan.ts';
import type { RedisConnection } from '../redis/connection.ts';
import type { Telemetry } from './telemetry.ts';

/** Answers in Redis are at most this large, and so many writes may be under way. */
const SHARED_ENTRY_BYTES = 256 * 1024;
const SHARED_WRITES = 64;
/** Background renewals for each hit, over time. */
const REFRESH_BUDGET = 0.1;
/** A background renewal is given up after this long, in milliseconds. */
const REFRESH_TIMEOUT_MS = 120_000;

export interface ReuseParts {
  readonly telemetry: Telemetry;
  readonly redis: RedisConnection | undefined;
  /** Whether the upstream has capacity to spare, so that a renewal takes nothing from anybody. */
  readonly hasCapacity: () => boolean;
  /** Counts and logs the calls that renew answers, as `observe` does for callers'. */
  readonly observed: Layer;
}

/** The cache of answers: its layers, and how its defaults are replaced. */
export function openReuse(config: Config, { telemetry, redis, hasCapacity, observed }: ReuseParts) {
  const { cache: settings } = config;
  let defaults = defaultsOf(config);
  const planOf = (call: Call) => reusePlan(call, defaults.get(call.tenant) ?? settings);
  const finder = lazily(() => new SimilarFinder(new SimilarIndex()));
  const cache = new AnswerCache({
    maxBytes: settings.maxBytes,
    counters: settings.counters,
    ttlMs: settings.ttlMs,
    clock: performance,
    keepsRequests: settings.digest === 'md5',
    left: (key) => finder.made?.remove(key),
  });
  // Redis holds no requests to compare with, so md5 keys stay in this process.
  const tier =
    redis === undefined || settings.digest === 'md5'
      ? undefined
      : new RedisTier({ redis, maxEntryBytes: SHARED_ENTRY_BYTES, maxWrites: SHARED_WRITES, now: Date.now });
  const ahead = new RefreshAhead({
    after: settings.refreshAhead,
    budgetRatio: REFRESH_BUDGET,
    random: Math.random,
  });
  let refreshes = 0;
  telemetry.metrics.watchCache(() => ({
    bytes: cache.bytes,
    entries: cache.entries,
    evictions: cache.metrics.keysEvicted,
    refreshes,
  }));

  const saltOf = ({ operation, tenant, options, routing }: Call): string =>
    JSON.stringify([settings.scope === 'tenant' ? tenant : '', operation, options, routing.region]);

  const reading = reuse({
    planOf,
    cache,
    shared: tier && {
      async find(key) {
        const stored = await tier.get(key);
        if (stored === undefined) return undefined;
        const age = Math.max(0, Date.now() - stored.storedAtMs);
        return stored.ttlMs > age ? { body: stored.body, age, remaining: stored.ttlMs - age } : undefined;
      },
    },
    async similar(call, minSimilarity) {
      const turn = splitLastTurn(call.body, saltOf(call));
      if (turn === undefined) return undefined;
      const found = await finder.get().find(turn.rest, turn.text, minSimilarity, call.signal);
      return found && { key: found.id, score: found.score };
    },
    refresh(call, next, found) {
      const key = call.digest();
      if (!ahead.begin(key, found)) return;
      if (!hasCapacity()) return ahead.done(key);
      refreshes += 1;
      void observed(next)(renewalOf(call))
        .then((reply) => (reply.kind === 'stream' ? drained(reply.events) : undefined))
        // What went wrong is counted and logged by `observed`; the answer that is there lives on until it expires.
        .catch(() => undefined)
        .finally(() => ahead.done(key));
    },
  });

  const keeping = keep({
    planOf,
    keep(call, { mode, ttlMs = settings.ttlMs }, body, usage) {
      const key = call.digest();
      const kept = cache.keep(key, call.body, body, usage, ttlMs);
      tier?.set(key, { body, storedAtMs: Date.now(), ttlMs }, ttlMs);
      if (!kept || mode !== 'similar') return;
      const turn = splitLastTurn(call.body, saltOf(call));
      if (turn !== undefined) void finder.get().add(turn.rest, key, turn.text, AbortSignal.timeout(REFRESH_TIMEOUT_MS));
    },
  });

  return {
    reading,
    keeping,
    /** The key of calls that may share a flight; undefined for those that may not. */
    flightKey: (call: Call): string | undefined => {
      if (call.operation === 'models' || call.cache.mode === 'off') return undefined;
      const request = settings.digest === 'md5' ? call.body : '';
      return `${call.routing.priority} ${call.cache.mode === 'refresh'} ${call.digest()}${request}`;
    },
    replace: (next: Config): void => {
      defaults = defaultsOf(next);
    },
  };
}

function defaultsOf(config: Config): ReadonlyMap<string, ReuseDefaults> {
  const { mode, minSimilarity, ttlMs } = config.cache;
  return new Map(
    config.tenants.map(({ name, cache }) => [
      name,
      {
        mode: cache.mode ?? mode,
        ttlMs: cache.ttlMs ?? ttlMs,
        minSimilarity: cache.minSimilarity ?? minSimilarity,
      },
    ]),
  );
}

/** A call that asks again in the background for what `call` was answered from the cache. */
function renewalOf(call: Call): Call {
  const now = performance.now();
  const timeout = new RelayError('DEADLINE_EXCEEDED', 'The background renewal took too long.');
  const controller = new AbortController();
  setTimeout(() => controller.abort(timeout), REFRESH_TIMEOUT_MS).unref();
  return {
    ...call,
    id: `${call.id}-refresh`,
    wantsStream: false,
    routing: { ...call.routing, priority: 'background' },
    deadline: now + REFRESH_TIMEOUT_MS,
    signal: controller.signal,
    trace: startTrace(now),
  };
}

async function drained(events: AsyncIterable<unknown>): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

/** The similarity index builds a vocabulary; who never asks for similar answers does not pay for it. */
function lazily<T>(make: () => T): { readonly made: T | undefined; get(): T } {
  let made: T | undefined;
  return {
    get made() {
      return made;
    },
    get: () => (made ??= make()),
  };
}
