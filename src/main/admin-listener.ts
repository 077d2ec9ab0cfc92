import { hash, timingSafeEqual } from 'node:crypto';
import type { AdminConfig } from '../config/sections/admin.ts';
import { type Admin, createAdmin } from '../server/admin.ts';
import type { Server } from '../server/server.ts';
import { describeError } from '../telemetry/log.ts';
import { healthDetail } from './health-detail.ts';
import type { Telemetry } from './telemetry.ts';
import type { Upstreams } from './upstreams.ts';

interface Shown {
  readonly telemetry: Telemetry;
  readonly upstreams: Upstreams;
  readonly server: Server;
  readonly version: string;
}

/** The admin listener over what the relay is made of. */
export function adminListener(config: AdminConfig, { telemetry, upstreams, server, version }: Shown): Admin {
  const { metrics, log } = telemetry;
  const { pool } = upstreams;
  const isReady = (): boolean => pool.canServe && !server.isDraining();
  return createAdmin(config.listen, {
    metrics: (accept) => metrics.render(accept),
    isReady,
    health: () => ({
      version,
      ready: isReady(),
      draining: server.isDraining(),
      simulated: upstreams.simulated,
      in_flight: server.inFlight(),
      ...healthDetail(pool.snapshot()),
    }),
    isRegionHealthy: (name) =>
      pool.regions.some((region) => region.name === name)
        ? pool.regionCanServe(name) && !server.isDraining()
        : undefined,
    authorize: authorizer(config.tokenSha256?.reveal()),
    warn: (message, cause) => log.warn(message, { error: describeError(cause) }),
  });
}

const BEARER = /^Bearer +(\S+)$/i;

/** Whether a header holds the token of this digest; without a digest, everybody may read. */
function authorizer(sha256: string | undefined): (authorization: string | undefined) => boolean {
  if (sha256 === undefined) return () => true;
  const expected = Buffer.from(sha256, 'hex');
  return (authorization = '') => {
    const token = BEARER.exec(authorization)?.[1] ?? '';
    return timingSafeEqual(Buffer.from(hash('sha256', token, 'hex'), 'hex'), expected);
  };
}
