/** The composition root: configuration in, layers stacked in the order in which a call meets them, server out. */
import { startReaper } from './cache/reaper.ts';
import type { Config } from './config/load.ts';
import { formatAddress } from './config/address.ts';
import { type Service, stack } from './completion/service.ts';
import { HistoryBudget } from './completion/shared-stream.ts';
import { systemClock } from './endpoints/clock.ts';
import { admit } from './layers/admit.ts';
import { balance } from './layers/balance.ts';
import { coalesce } from './layers/coalesce.ts';
import { gate } from './layers/gate.ts';
import { observe } from './layers/observe.ts';
import { retry } from './layers/retry.ts';
import { RetryBudget } from './layers/retry-budget.ts';
import { openAccess } from './main/access.ts';
import { adminListener } from './main/admin-listener.ts';
import { hedging } from './main/hedging.ts';
import { reloader } from './main/reload.ts';
import { remembering } from './main/remembered-requests.ts';
import { requestKey } from './main/request-key.ts';
import { openReuse } from './main/reuse.ts';
import { openSharedState } from './main/shared-state.ts';
import { openTelemetry } from './main/telemetry.ts';
import { openUpstreams } from './main/upstreams.ts';
import { createCodec } from './server/codec/codec.ts';
import { relayService } from './server/relay-service.ts';
import { systemClock as edgeClock } from './server/clock.ts';
import { createServer } from './server/server.ts';
import { serverOptions } from './main/server-options.ts';
import { describeError, type Log } from './telemetry/log.ts';

/** A stream is held back for its first content this long, in milliseconds; then what came is sent on. */
const GATE_MS = 10_000;
/** Bytes of answers under way that are kept for callers who join late. */
const SHARED_HISTORY_BYTES = 16 * 1024 * 1024;

export interface Relay {
  /** Where gRPC is served, and where metrics and health are. */
  readonly address: string;
  readonly adminAddress: string;
  /** Whether the simulated upstream answers, because no account is configured. */
  readonly simulated: boolean;
  /**
   * Takes over accounts, tenants and certificates without dropping a call or a connection; resolves with the names of
   * the settings that differ besides and need a restart. Calls under way at accounts that left may outlast it.
   */
  readonly reload: (config: Config) => Promise<readonly string[]>;
  /** Refuses new calls, lets those under way finish, closes everything. */
  readonly drain: () => Promise<{ readonly inFlight: number; readonly cut: number }>;
}

/** Starts a relay. Rejects where a listener cannot be opened. */
export async function startRelay(config: Config, log: Log, version: string): Promise<Relay> {
  const now = (): number => performance.now();
  const shared = await openSharedState(config.redis, log);
  const access = openAccess(config.tenants, shared);
  const telemetry = openTelemetry(config, access.directory, log);
  shared.watch(telemetry.metrics);
  const upstreams = await openUpstreams(config, telemetry, version);
  const { pool } = upstreams;
  const budget = new RetryBudget(config.upstream.retry.budgetRatio, systemClock);
  const elsewhere = pool.elsewhere.bind(pool);
  const observer = observe({ now, metrics: telemetry.metrics, log: log.call, priceOf: access.priceOf });
  const admission = admit({ ...access, tenants: access.directory, now: Date.now, report: telemetry.bug });

  const answers = openReuse(config, {
    telemetry,
    redis: shared.redis,
    hasCapacity: () => upstreams.hasCapacity(),
    // Renewals in the background are counted and charged like the calls that they serve.
    renewing: (next) => stack([observer.layer, admission], next),
    clock: systemClock,
  });

  const service: Service = stack(
    [
      // Above all, so that every refusal is counted and every call has its line.
      observer.layer,
      // Before anything costs or waits; cached answers count as requests, not as tokens.
      admission,
      // Above everything that takes capacity: a hit takes no permit.
      answers.reading,
      // Above retry, so that those who join share one permit and one retry.
      coalesce({ keyOf: answers.flightKey, history: new HistoryBudget(SHARED_HISTORY_BYTES), now }),
      // Beneath coalesce, so that a flight of many callers is kept once; above retry, so that only answers are.
      answers.keeping,
      // Above the choice of an endpoint, so that each attempt chooses anew; only before the first content.
      retry({
        ...config.upstream.retry,
        maxWaitMs: config.queue.maxWaitMs,
        budget,
        elsewhere,
        retried: telemetry.events.retried,
        clock: systemClock,
      }),
      // Beneath retry, which sees the two attempts of a hedge as one.
      ...hedging(config.routing, { budget, elsewhere, hedged: telemetry.events.hedged, clock: systemClock }),
    ],
    // The gate is inside, so that an error at the head of a stream is a failure of its endpoint.
    balance(pool, gate({ maxWaitMs: GATE_MS, clock: systemClock })),
  );

  const relay = relayService({
    codec: remembering(createCodec()),
    service,
    authenticate: access.authenticate,
    digest: requestKey({ ...config.cache, regionOf: access.regionOf }),
    priceOf: access.priceOf,
    clock: edgeClock,
    stream: { flushBytes: config.stream.flushBytes, flushIntervalMs: config.stream.flushIntervalMs },
  });
  const server = createServer(serverOptions(config.server), {
    mounts: [relay],
    clock: edgeClock,
    screen: access.screen,
    refused: observer.refused,
    bug: (id, error) => log.error('internal error', { request_id: id, error: describeError(error.cause) }),
    warn: (message) => log.warn(message),
  });
  const admin = adminListener(config.admin, { telemetry, upstreams, server, version });

  const endReaping = startReaper({ reap: answers.reap, after: edgeClock.after });
  const close = async (): Promise<void> => {
    endReaping();
    await upstreams.close();
    await shared.close();
    await admin.close();
  };
  const { port } = await server.start().catch(closed);
  const { port: adminPort } = await admin.start().catch(closed);
  let isServing = pool.canServe;
  server.setServing(isServing);
  pool.onChange(() => {
    // Regions change too; who watches health is told only what changes for the whole.
    if (pool.canServe === isServing) return;
    isServing = pool.canServe;
    server.setServing(isServing);
  });

  return {
    address: formatAddress({ ...config.server.listen, port }),
    adminAddress: formatAddress({ ...config.admin.listen, port: adminPort }),
    get simulated() {
      return upstreams.simulated;
    },
    reload: reloader(config, { server, access, answers, upstreams }),
    async drain() {
      const report = await server.drain();
      await close();
      return report;
    },
  };

  /** A relay that cannot start leaves nothing open that would keep its process alive. */
  async function closed(thrown: unknown): Promise<never> {
    server.close();
    await close();
    throw thrown;
  }
}
