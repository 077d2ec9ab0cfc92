import { AnswerCache, type FoundAnswer } from '../cache/answer-cache.ts';
import { type LastTurn, splitLastTurn } from '../cache/last-turn.ts';
import { type RedisCommands, RedisTier } from '../cache/redis-tier.ts';
import { RefreshAhead } from '../cache/refresh-ahead.ts';
import type { Call } from '../completion/call.ts';
import { RelayError } from '../completion/errors.ts';
import { JsonSyntaxError, members, stringMember } from '../completion/json.ts';
import type { Layer, Service } from '../completion/service.ts';
import { startTrace } from '../completion/trace.ts';
import { readUsage, type Usage } from '../completion/usage.ts';
import type { Config } from '../config/load.ts';
import type { Clock } from '../endpoints/clock.ts';
import { type Keepable, keep } from '../layers/keep.ts';
import { reuse } from '../layers/reuse.ts';
import { type ReuseDefaults, type ReusePlan, reusePlan } from '../layers/reuse-plan.ts';
import { cacheRoom } from './cache-room.ts';
import { circumstances } from './request-key.ts';
import { openSimilarAnswers } from './similar-answers.ts';
import type { Telemetry } from './telemetry.ts';

/** Answers in Redis are at most this large, and so many writes may be under way. */
const SHARED_ENTRY_BYTES = 256 * 1024;
const SHARED_WRITES = 64;
/** Background renewals for each hit, over time. */
const REFRESH_BUDGET = 0.1;
/** As many times as old must an answer be to give way to another replica's. */
const NEWER_BY_FAR = 2;
/** What nobody waits for (a background renewal, an embedding to be kept) is given up after this long, in milliseconds. */
const BACKGROUND_MS = 120_000;

export interface ReuseParts {
  readonly telemetry: Pick<Telemetry, 'metrics' | 'log'>;
  readonly redis: RedisCommands | undefined;
  /** Whether the upstream has capacity to spare, so that a renewal takes nothing from anybody. */
  readonly hasCapacity: () => boolean;
  /** What the calls that renew answers pass before they go upstream: they are counted, charged and logged as callers' are. */
  readonly renewing: Layer;
  readonly clock: Clock;
}

/** The cache of answers: its layers, the key of flights, and how its defaults are replaced. */
export function openReuse(config: Config, { telemetry, redis, hasCapacity, renewing, clock }: ReuseParts) {
  const { cache: settings } = config;
  let common: ReuseDefaults = settings;
  let defaults = defaultsOf(config);
  const defaultsFor = ({ tenant }: Call): ReuseDefaults => defaults.get(tenant) ?? common;
  const planOf = (call: Call): ReusePlan => reusePlan(call, defaultsFor(call));
  const isForgeable = settings.digest === 'md5';
  /** Where the digest could be made to collide, the whole question. */
  const requestOf = (call: Call): string => (isForgeable ? circumstances(call, settings.scope) + call.body : '');
  const turnOf = (call: Call): LastTurn | undefined => splitLastTurn(call.body, circumstances(call, settings.scope));

  /** Tenants that have asked for answers to similar requests: from then on all of theirs can be found so. */
  const comparing = new Set<string>();
  const similar = openSimilarAnswers(settings, telemetry, clock);
  const cache = new AnswerCache({
    maxBytes: cacheRoom(settings.maxBytes, telemetry.log.warn),
    counters: settings.counters,
    clock,
    left: similar.forget,
  });
  const ahead = new RefreshAhead({
    after: settings.refreshAhead,
    budgetRatio: REFRESH_BUDGET,
    hasCapacity,
    random: () => clock.random(),
  });
  let refreshes = 0;
  telemetry.metrics.watchCache(() => ({
    bytes: cache.bytes,
    entries: cache.entries,
    evictions: cache.metrics.keysEvicted,
    refreshes,
  }));
  // Redis holds no requests to compare with, so that keys which can be forged stay in this process.
  const tier = redis === undefined || isForgeable ? undefined : openTier(redis, telemetry, clock);

  /** Takes over what is in Redis, where that is newer than what is here; whether it did. */
  async function fetch(tier: RedisTier, call: Call): Promise<boolean> {
    const key = call.digest();
    const stored = await tier.get(key);
    if (stored === undefined) return false;
    const { body, ttlMs, simulated = false } = stored;
    const age = Math.max(0, clock.wallNow() - stored.storedAtMs);
    // The clocks of replicas differ: what is here goes only for what is newer by far.
    if (NEWER_BY_FAR * age >= (cache.ageOf(key, requestOf(call)) ?? Number.POSITIVE_INFINITY)) return false;
    const usage = usageOf(body);
    return usage !== undefined && cache.keep(key, requestOf(call), { body, usage, age, simulated }, ttlMs);
  }

  function store(call: Call, { mode, ttlMs = settings.ttlMs }: ReusePlan, answer: Keepable): void {
    const key = call.digest();
    const { simulated } = call.trace;
    if (!cache.keep(key, requestOf(call), { ...answer, age: 0, simulated }, ttlMs)) {
      // An older answer would be fetched from there again.
      void tier?.delete(key);
      return;
    }
    tier?.set(key, { body: answer.body, storedAtMs: clock.wallNow(), ttlMs, simulated }, ttlMs);
    if (!comparing.has(call.tenant) && defaultsFor(call).mode !== 'similar' && mode !== 'similar') return;
    const turn = turnOf(call);
    if (turn !== undefined) void similar.get().add(turn.rest, key, turn.text, AbortSignal.timeout(BACKGROUND_MS));
  }

  function refresh(call: Call, next: Service, found: FoundAnswer): void {
    const key = call.digest();
    if (!ahead.begin(key, found)) return;
    void renewed(call, next).finally(() => ahead.done(key));
  }

  async function renewed(call: Call, next: Service): Promise<void> {
    // Another replica may have done it.
    if (tier !== undefined && (await fetch(tier, call))) return;
    refreshes += 1;
    await renew(renewing(next), call, clock);
  }

  return {
    reading: reuse({
      planOf,
      cache,
      requestOf,
      fetch: tier && ((call) => fetch(tier, call)),
      async similar(call, minSimilarity) {
        comparing.add(call.tenant);
        const turn = turnOf(call);
        const found = turn && (await similar.get().find(turn.rest, turn.text, minSimilarity, call.signal));
        return found && { key: found.id, score: found.score };
      },
      refresh,
    }),
    keeping: keep({ planOf, keep: store }),
    /** The key of calls that may share a flight; undefined for those that may not. */
    flightKey: (call: Call): string | undefined => {
      const mode = call.cache.mode ?? defaultsFor(call).mode;
      if (call.operation === 'models' || !call.selfContained || mode === 'off') return undefined;
      // A call that asks for a new answer must not be given one that was asked for before it came for other reasons.
      return `${call.routing.priority} ${mode === 'refresh'} ${call.digest()}${requestOf(call)}`;
    },
    /** Takes over what calls get that do not choose; the other settings of the cache need a restart. */
    replace: (next: Config): void => {
      common = next.cache;
      defaults = defaultsOf(next);
    },
    /** Removes at most `limit` answers that have expired, and returns how many there were. */
    reap: (limit: number): number => cache.reap(limit),
  };
}

function openTier(redis: RedisCommands, { metrics }: ReuseParts['telemetry'], clock: Clock): RedisTier {
  const tier = new RedisTier({
    redis,
    maxEntryBytes: SHARED_ENTRY_BYTES,
    maxWrites: SHARED_WRITES,
    now: () => clock.wallNow(),
  });
  metrics.watchSharedCache(() => tier.metrics);
  return tier;
}

/** What an answer used; undefined where the text is no answer, whoever put it into Redis. */
function usageOf(body: string): Usage | undefined {
  try {
    const message = members(body);
    if (stringMember(message, 'type') !== 'message' || message.get('content')?.startsWith('[') !== true)
      return undefined;
    return readUsage(JSON.parse(message.get('usage') ?? 'null'));
  } catch (thrown) {
    if (thrown instanceof JsonSyntaxError) return undefined;
    throw thrown;
  }
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

/** Asks again in the background for what `call` was answered from the cache. Never rejects. */
async function renew(service: Service, call: Call, clock: Clock): Promise<void> {
  const now = clock.now();
  const controller = new AbortController();
  const cancel = clock.after(BACKGROUND_MS, () => {
    controller.abort(new RelayError('DEADLINE_EXCEEDED', 'The background renewal took too long.'));
  });
  try {
    const reply = await service({
      ...call,
      id: `${call.id}-refresh`,
      wantsStream: false,
      routing: { ...call.routing, priority: 'background' },
      deadline: now + BACKGROUND_MS,
      signal: controller.signal,
      trace: startTrace(now),
    });
    if (reply.kind === 'stream') for await (const _ of reply.events);
  } catch {
    // Counted and logged by the layers above `service`; the answer that is there lives on until it expires.
  } finally {
    cancel();
  }
}
