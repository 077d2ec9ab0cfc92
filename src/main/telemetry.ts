import type { TenantDirectory } from '../access/directory.ts';
import { ANONYMOUS } from '../access/tenant.ts';
import { LIST_PRICES } from '../completion/prices.ts';
import type { Config } from '../config/load.ts';
import type { EndpointEvents, SetAside } from '../endpoints/events.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';

/** Metrics and log, and what the pool of endpoints tells of itself in them. */
export function openTelemetry(config: Config, tenants: TenantDirectory, log: Log) {
  const known = new KnownNames(config);
  const metrics = createMetrics({
    tenant: (name) => name === ANONYMOUS.name || tenants.get(name) !== undefined,
    model: (id) => known.models.has(id),
    account: (name) => known.accounts.has(name),
    region: (name) => known.regions.has(name),
  });
  metrics.includeProcess();
  const events: EndpointEvents = {
    breakerChanged: (account, region, state) => {
      metrics.breakerChanged(account, region, state);
      log.warn(`the breaker is now ${state}`, { account, region });
    },
    limitRemaining: (account, limit, remaining) => metrics.limitRemaining(account, limit, remaining),
    setAside: (what, milliseconds) => log.warn(asideMessage(what), { ...what, milliseconds: Math.round(milliseconds) }),
    queueLength: (priority, length) => metrics.queueLength(priority, length),
    queueWaited: (priority, milliseconds) => metrics.queueWaited(priority, milliseconds),
    roundTrip: (region, method, milliseconds) => metrics.roundTrip(region, method, milliseconds),
    retried: (reason) => metrics.retried(reason),
    hedged: () => metrics.retried('HEDGED'),
  };
  return {
    log,
    metrics,
    events,
    /** Accounts and regions that came by a reload get series of their own. */
    know: (next: Config): void => known.add(next),
    bug: (error: unknown): void => log.error('internal error', { error: describeError(error) }),
  };
}

export type Telemetry = ReturnType<typeof openTelemetry>;

function asideMessage({ kind }: SetAside): string {
  if (kind === 'limit') return 'rate-limited: the organization waits with this class of models';
  if (kind === 'model') return 'overloaded: this model is set aside in this region';
  return kind === 'account'
    ? 'the upstream refuses the key of this account: it is out of service until it is accepted again'
    : 'the upstream refuses this organization (spend limit or billing): it is out of service';
}

/** Names that are configured, by which the values of metric labels are bounded. */
class KnownNames {
  readonly models = new Set(LIST_PRICES.flatMap((price) => price.models));
  readonly accounts = new Set(['simulator']);
  readonly regions = new Set(['simulated']);

  constructor(config: Config) {
    this.add(config);
  }

  add(config: Config): void {
    for (const account of config.accounts) {
      this.accounts.add(account.name);
      for (const region of account.regions) this.regions.add(region.name);
      for (const model of account.models) this.models.add(model);
    }
  }
}
