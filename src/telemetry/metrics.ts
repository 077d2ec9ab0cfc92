/** Every metric of the relay, in a registry of its own. Durations come in as milliseconds and are shown in seconds. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { StatusName } from '../completion/errors.ts';
import type { CacheStatus } from '../completion/trace.ts';
import type { Usage } from '../completion/usage.ts';
import { CACHE_RESULTS, CALL_STATUSES, PRIORITIES, RETRY_REASONS, UPSTREAM_STATUSES } from './closed-labels.ts';
import { type Exposition, exposition } from './exposition.ts';
import { Instruments } from './instruments.ts';
import { LabelValues } from './label-values.ts';
import { LastTold } from './last-told.ts';
import { worstOff } from './worst-off.ts';

/** What is configured: other values never make a new series. */
export interface KnownLabels {
  readonly tenant: (name: string) => boolean;
  readonly model: (id: string) => boolean;
  readonly account: (name: string) => boolean;
  readonly region: (name: string) => boolean;
}

/** State of the response cache; counts are since the start. */
export interface CacheState {
  readonly bytes: number;
  readonly entries: number;
  readonly evictions: number;
  readonly refreshes: number;
}

/** What the level of the response cache did that replicas share; counts are since the start. */
export interface SharedCacheState {
  readonly hits: number;
  readonly misses: number;
  /** Of the misses: Redis did not answer in time. */
  readonly unavailable: number;
  /** Of the misses: what was there could not be used. */
  readonly undecodable: number;
  readonly writesFailed: number;
}

/** A call that is over. */
export interface CallFigures {
  readonly status: StatusName | 'OK';
  readonly total: number;
  /** Of `total`, what neither upstream nor queue took; absent for calls that no service saw. */
  readonly overhead?: number;
}

const SECONDS = 1000;
const SHORT_WAITS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Answers take minutes. */
const LONG_WAITS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const OVERHEADS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const BREAKER_STATES = { closed: 0, 'half-open': 1, open: 2 } as const;
const TOKEN_KINDS = [
  ['input_tokens', 'input'],
  ['output_tokens', 'output'],
  ['cache_creation_input_tokens', 'cache_creation'],
  ['cache_read_input_tokens', 'cache_read'],
] as const satisfies readonly (readonly [keyof Usage, string])[];

export type BreakerStateName = keyof typeof BREAKER_STATES;

/** How an endpoint stands. */
export interface EndpointReading {
  readonly account: string;
  readonly region: string;
  readonly breaker: BreakerStateName;
  /** Whether the upstream refused the account's key, or its organization, and has accepted neither call nor trial since. */
  readonly keyRefused: boolean;
  readonly organizationRefused: boolean;
}

export type PriorityName = (typeof PRIORITIES)[number];
export type Metrics = ReturnType<typeof createMetrics>;

/** The metrics, as verbs for what happens. */
export function createMetrics(known: KnownLabels) {
  const registry = new Registry();
  const make = new Instruments(registry);
  const tenants = new LabelValues(known.tenant);
  const models = new LabelValues(known.model);
  const accounts = new LabelValues(known.account);
  const regions = new LabelValues(known.region);

  const requests = make.counter('claude_requests_total', 'Calls, by gRPC status.', ['status']);
  const duration = make.histogram('claude_request_duration', 'Duration of calls in seconds.', [0.1, 0.5, 1, 2, 5]);
  const overhead = make.histogram(
    'claude_relay_overhead_seconds',
    'Time that calls spent in the relay itself, upstream and queue excluded.',
    OVERHEADS,
  );
  const upstream = make.counter('claude_relay_upstream_requests_total', 'Upstream requests, by HTTP status or error.', [
    'account',
    'region',
    'status',
  ]);
  const endpoint = ['account', 'region'] as const;
  const upstreamDuration = make.histogram(
    'claude_relay_upstream_duration_seconds',
    'Duration of upstream requests.',
    LONG_WAITS,
    endpoint,
  );
  const firstToken = make.histogram(
    'claude_relay_time_to_first_token_seconds',
    'Time from an upstream request to the first byte of its answer.',
    LONG_WAITS,
    endpoint,
  );
  const queueLength = make.gauge('claude_relay_queue_length', 'Calls waiting for capacity.', ['priority']);
  const queueWait = make.histogram('claude_relay_queue_seconds', 'Time that calls waited for capacity.', SHORT_WAITS, [
    'priority',
  ]);
  const breakerTransitions = make.counter(
    'claude_relay_breaker_transitions_total',
    'Changes of breakers, by new state.',
    [...endpoint, 'state'],
  );
  const roundTrips = new LastTold();
  const limitsLeft = new LastTold();
  const retries = make.counter('claude_relay_retries_total', 'Further attempts, by the reason of the failure before.', [
    'reason',
  ]);
  const lookups = make.counter('claude_relay_cache_requests_total', 'Calls, by what the response cache did for them.', [
    'result',
  ]);
  const spent = ['tenant', 'model'] as const;
  const tokens = make.counter('claude_relay_tokens_total', 'Tokens used, by kind.', [...spent, 'kind']);
  const cost = make.counter('claude_relay_cost_usd_total', 'Cost of answers by the price table, in USD.', spent);
  const saved = make.counter('claude_relay_saved_usd_total', 'Cost that cached answers saved, in USD.', spent);

  for (const status of CALL_STATUSES) requests.show(status);
  for (const reason of RETRY_REASONS) retries.show(reason);
  for (const result of CACHE_RESULTS) lookups.show(result);
  for (const priority of PRIORITIES) {
    queueLength.show(priority);
    queueWait.show(priority);
  }

  let inFlight = 0;
  let streamsOpen = 0;
  make.reading('claude_relay_requests_in_flight', 'Calls under way.', () => inFlight);
  make.reading('claude_relay_streams_open', 'Streaming calls under way.', () => streamsOpen);

  return {
    callBegun(isStream: boolean): void {
      inFlight++;
      if (isStream) streamsOpen++;
    },
    callEnded(isStream: boolean): void {
      inFlight--;
      if (isStream) streamsOpen--;
    },
    /** Counts a call that is over, whether or not it ever was under way. */
    callCounted({ status, total, overhead: own }: CallFigures): void {
      requests.of(status).value += 1;
      duration.of().observe(total / SECONDS);
      if (own !== undefined) overhead.of().observe(own / SECONDS);
    },
    cacheLookup(status: CacheStatus): void {
      if (status !== 'UNSPECIFIED') lookups.of(status.toLowerCase()).value += 1;
    },
    /** Unknown counters are left out. */
    tokensUsed(tenant: string, model: string, usage: Usage): void {
      const knownTenant = tenants.bounded(tenant);
      const knownModel = models.bounded(model);
      for (const [counter, kind] of TOKEN_KINDS) {
        const count = usage[counter];
        if (count !== undefined && count > 0) tokens.of(knownTenant, knownModel, kind).value += count;
      }
    },
    costIncurred(tenant: string, model: string, usd: number): void {
      cost.of(tenants.bounded(tenant), models.bounded(model)).value += usd;
    },
    costSaved(tenant: string, model: string, usd: number): void {
      saved.of(tenants.bounded(tenant), models.bounded(model)).value += usd;
    },
    /** Shows the counters of an endpoint before it is sent anything. */
    endpointConnected(account: string, region: string): void {
      const knownAccount = accounts.bounded(account);
      const knownRegion = regions.bounded(region);
      for (const status of UPSTREAM_STATUSES) upstream.show(knownAccount, knownRegion, status);
      for (const state of Object.keys(BREAKER_STATES)) breakerTransitions.show(knownAccount, knownRegion, state);
    },
    /** `status` is the HTTP status, or undefined where no answer came. */
    upstreamAnswered(account: string, region: string, status: number | undefined, milliseconds: number): void {
      const knownAccount = accounts.bounded(account);
      const knownRegion = regions.bounded(region);
      upstream.of(knownAccount, knownRegion, status === undefined ? 'error' : String(status)).value += 1;
      upstreamDuration.of(knownAccount, knownRegion).observe(milliseconds / SECONDS);
    },
    firstToken(account: string, region: string, milliseconds: number): void {
      firstToken.of(accounts.bounded(account), regions.bounded(region)).observe(milliseconds / SECONDS);
    },
    queueLength(priority: PriorityName, length: number): void {
      queueLength.of(priority).value = length;
    },
    queueWaited(priority: PriorityName, milliseconds: number): void {
      queueWait.of(priority).observe(milliseconds / SECONDS);
    },
    breakerChanged(account: string, region: string, state: BreakerStateName): void {
      breakerTransitions.of(accounts.bounded(account), regions.bounded(region), state).value += 1;
    },
    /** Shows at each scrape the breakers that there are, and the accounts that are refused. Once only. */
    watchBreakers(read: () => readonly EndpointReading[]): void {
      make.readings('claude_relay_breaker_state', '0 closed, 1 half-open, 2 open.', () =>
        worstOff(
          read().map(({ account, region, breaker }) => ({
            labels: { account: accounts.bounded(account), region: regions.bounded(region) },
            value: BREAKER_STATES[breaker],
          })),
        ),
      );
      make.readings(
        'claude_relay_account_suspended',
        '1 while the upstream refuses the key of an account, or its organization, else 0.',
        () =>
          worstOff(
            read().flatMap((endpoint) => {
              const account = accounts.bounded(endpoint.account);
              return [
                { labels: { account, cause: 'key' }, value: Number(endpoint.keyRefused) },
                { labels: { account, cause: 'organization' }, value: Number(endpoint.organizationRefused) },
              ];
            }),
          ),
      );
    },
    roundTrip(region: string, method: 'icmp' | 'tcp', milliseconds: number): void {
      roundTrips.tell(regions.bounded(region), method, milliseconds / SECONDS);
    },
    /** Shows at each scrape the round trips to the regions that there are. Once only. */
    watchRegions(read: () => readonly string[]): void {
      make.readings('claude_relay_region_rtt_seconds', 'Round trip to a region, as probed.', () =>
        roundTrips
          .keepOnly(regions.allBounded(read()))
          .map(({ thing, kind, value }) => ({ labels: { region: thing, method: kind }, value })),
      );
    },
    limitRemaining(account: string, limit: string, remaining: number): void {
      limitsLeft.tell(accounts.bounded(account), limit, remaining);
    },
    /** Shows at each scrape what is left of the limits of the accounts that there are. Once only. */
    watchAccounts(read: () => readonly string[]): void {
      make.readings('claude_relay_account_limit_remaining', 'What the upstream says is left of a limit.', () =>
        limitsLeft
          .keepOnly(accounts.allBounded(read()))
          .map(({ thing, kind, value }) => ({ labels: { account: thing, limit: kind }, value })),
      );
    },
    retried(reason: string): void {
      retries.of(reason).value += 1;
    },
    /** Shows the state of the response cache at each scrape. Once only. */
    watchCache(read: () => CacheState): void {
      make.reading('claude_relay_cache_bytes', 'Memory that the response cache takes.', () => read().bytes);
      make.reading('claude_relay_cache_entries', 'Answers in the response cache.', () => read().entries);
      make.total('claude_relay_cache_evictions_total', 'Answers displaced for lack of room.', () => read().evictions);
      make.total('claude_relay_cache_refreshes_total', 'Answers renewed before they expired.', () => read().refreshes);
    },
    /** Shows at each scrape what the shared level of the response cache did. Once only. */
    watchSharedCache(read: () => SharedCacheState): void {
      make.total('claude_relay_cache_shared_hits_total', 'Answers found in Redis.', () => read().hits);
      make.total('claude_relay_cache_shared_misses_total', 'Look-ups in Redis that found none.', () => read().misses);
      make.total('claude_relay_cache_shared_failures_total', 'Look-ups and writes that Redis failed.', () => {
        const { unavailable, undecodable, writesFailed } = read();
        return unavailable + undecodable + writesFailed;
      });
    },
    /** Shows at each scrape whether Redis is lost. Once only. */
    watchRedis(read: () => 'up' | 'degraded'): void {
      make.reading('claude_relay_redis_degraded', '1 while Redis is lost and replicas share nothing, else 0.', () =>
        read() === 'degraded' ? 1 : 0,
      );
    },
    /** Shows at each scrape how many embeddings could not be had. Once only. */
    watchEmbeddings(readFailures: () => number): void {
      make.total('claude_relay_cache_embedding_failures_total', 'Embeddings that could not be had.', readFailures);
    },
    /** Adds the process's own: memory, CPU, event loop, garbage collection. Once only. */
    includeProcess(): void {
      collectDefaultMetrics({ register: registry });
    },
    /** All metrics in the format that the `accept` header of a scrape asks for. */
    async render(accept: string): Promise<Exposition> {
      return exposition(await registry.metrics(), accept);
    },
  };
}
