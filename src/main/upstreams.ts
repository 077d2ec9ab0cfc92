import { createHash } from 'node:crypto';
import { Secret } from '../completion/secret.ts';
import type { Config } from '../config/load.ts';
import type { AccountConfig } from '../config/sections/accounts.ts';
import type { AccountOptions, Connection, RegionOptions } from '../endpoints/account.ts';
import { systemClock } from '../endpoints/clock.ts';
import { Pool } from '../endpoints/pool.ts';
import { startProbes } from '../endpoints/probe.ts';
import { icmp, tcp } from '../endpoints/round-trip.ts';
import { defaultSimulatorOptions } from '../simulator/options.ts';
import { parseLatency } from '../simulator/latency.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { connectEndpoint } from './connect.ts';
import { metered } from './metered.ts';
import type { Telemetry } from './telemetry.ts';

/** An account with its key; the fingerprint tells a pool that the key has changed, without showing it. */
interface PoolAccount extends AccountOptions {
  readonly apiKey: Secret;
  readonly keyFingerprint: string;
}

/** How the built-in simulated upstream answers: about as fast as a small model. */
const SIMULATED_LATENCY = parseLatency('150ms~50ms+8ms~4ms/token');
/** What a limit lets through at once, as time of its even flow: calls that come together need not queue up for it. */
const BURST_MS = 10_000;

/** Everything behind the layers: accounts in regions, their connections and probes; or the simulated upstream. */
export async function openUpstreams(config: Config, telemetry: Telemetry, version: string) {
  const { metrics, events, log } = telemetry;
  let simulator = config.accounts.length === 0 ? await openSimulator() : undefined;
  const clock = systemClock;
  const pool = new Pool<PoolAccount>({
    accounts: accountsOf(config, simulator),
    connect,
    routing: config.routing,
    breaker: config.upstream.breaker,
    queue: config.queue,
    burstMs: BURST_MS,
    clock,
    events,
  });
  metrics.watchBreakers(() => pool.snapshot().endpoints);
  metrics.watchAccounts(() => pool.accounts);
  metrics.watchRegions(() => pool.regions.map(({ name }) => name));
  const stopProbes = probe();
  /** Resolves when all that has left is closed. */
  let left: Promise<void> = Promise.resolve();

  async function openSimulator(): Promise<Simulator> {
    const started = await startSimulator({ ...defaultSimulatorOptions, latency: SIMULATED_LATENCY });
    log.warn('NO ACCOUNT IS CONFIGURED: the built-in SIMULATED upstream answers, and no real model', {
      url: started.url,
    });
    return started;
  }

  function connect(account: PoolAccount, region: RegionOptions): Connection {
    const provider = connectEndpoint(config, account, region, version);
    return { service: metered(provider.send, account.name, region.name, metrics), close: provider.close };
  }

  function probe(): () => void {
    const { method, intervalMs } = config.routing.probe;
    if (method === 'off') return () => undefined;
    return startProbes({
      method,
      intervalMs,
      regions: () => pool.regions,
      measured: (region, by, milliseconds) => {
        pool.seedLatency(region.baseUrl, milliseconds);
        events.roundTrip(region.name, by, milliseconds);
      },
      unmeasured: (region) => pool.doubtLatency(region.baseUrl),
      log: (message) => log.warn(message),
      icmp: icmp('ping'),
      tcp: tcp(clock),
      clock,
    });
  }

  return {
    pool,
    get simulated(): boolean {
      return simulator !== undefined;
    },
    /** Whether nothing is short: no call waits, no breaker is open, nothing cools down. */
    hasCapacity(): boolean {
      const { endpoints, modelClasses, overloaded, waiting } = pool.snapshot();
      const isIdle = waiting.interactive + waiting.background + overloaded.length === 0;
      return (
        isIdle &&
        endpoints.every(({ breaker, accountSuspendedFor }) => breaker === 'closed' && accountSuspendedFor === 0) &&
        modelClasses.every(({ coolingFor }) => coolingFor === 0)
      );
    },
    /**
     * Takes over the accounts of another configuration. Calls under way finish where they are, which may take as long as
     * answers do: what leaves is closed behind them, and nobody waits for it.
     */
    async replace(next: Config): Promise<void> {
      telemetry.know(next);
      if (next.accounts.length === 0) simulator ??= await openSimulator();
      const leaving = next.accounts.length === 0 ? undefined : simulator;
      const closed = pool.update(accountsOf(next, simulator)).then(() => leaving?.close());
      if (leaving !== undefined) simulator = undefined;
      const before = left;
      left = closed.catch(telemetry.bug).then(() => before);
    },
    async close(): Promise<void> {
      stopProbes();
      await pool.close();
      await left;
      await simulator?.close();
    },
  };
}

export type Upstreams = Awaited<ReturnType<typeof openUpstreams>>;

function accountsOf(config: Config, simulator: Simulator | undefined): PoolAccount[] {
  if (config.accounts.length > 0) return config.accounts.map(poolAccount);
  if (simulator === undefined) throw new Error('no account and no simulator');
  return [
    {
      name: 'simulator',
      organization: 'simulator',
      weight: 1,
      priority: 0,
      models: ['*'],
      limits: [],
      regions: [{ name: 'simulated', baseUrl: simulator.url }],
      apiKey: new Secret('simulated'),
      keyFingerprint: '',
    },
  ];
}

function poolAccount({ provider: _, apiKey, ...account }: AccountConfig): PoolAccount {
  const keyFingerprint = createHash('sha256').update(apiKey.reveal()).digest('hex').slice(0, 16);
  return { ...account, apiKey, keyFingerprint };
}
