import type { z } from 'zod';
import { type Address, collide, formatAddress, isLoopback } from './address.ts';
import { isMapping } from './draft.ts';
import { section } from './fields.ts';
import { type Finding, rule } from './rule.ts';
import { accountsSettings } from './sections/accounts.ts';
import { adminSettings } from './sections/admin.ts';
import { cacheSettings } from './sections/cache.ts';
import { logSettings } from './sections/log.ts';
import { queueSettings } from './sections/queue.ts';
import { redisSettings } from './sections/redis.ts';
import { routingSettings } from './sections/routing.ts';
import { serverSettings } from './sections/server.ts';
import { streamSettings } from './sections/stream.ts';
import { tenantsSettings } from './sections/tenants.ts';
import { upstreamSettings } from './sections/upstream.ts';

/** Sections that the contract names and this version does not have. Moving one into `settings` switches it on. */
export const PLANNED_SECTIONS: readonly string[] = ['sessions', 'batches', 'consul'];

/** What the rules below read. Elements of a list may have problems of their own, and so be anything. */
interface Root {
  readonly server: {
    readonly listen: Address;
    readonly allow_anonymous: boolean;
    readonly tls?: { readonly client_ca_file?: unknown } | undefined;
  };
  readonly admin: { readonly listen: Address };
  readonly tenants: unknown;
}

function* anonymousStaysLocal({ server, tenants }: Root): Iterable<Finding> {
  if (!Array.isArray(tenants) || tenants.length > 0 || server.allow_anonymous || isLoopback(server.listen)) return;
  yield {
    paths: [['server', 'listen']],
    message:
      'lets anyone who can reach it spend, because no tenant is configured. Add tenants, listen on 127.0.0.1, or set server.allow_anonymous: true.',
  };
}

function* listenersDiffer({ server, admin }: Root): Iterable<Finding> {
  if (!collide(server.listen, admin.listen)) return;
  yield {
    paths: [
      ['admin', 'listen'],
      ['server', 'listen'],
    ],
    message: `the gRPC and the admin listener both want port ${server.listen.port} (${formatAddress(server.listen)}). Give each its own.`,
  };
}

function* tenantsCanAuthenticate({ server, tenants }: Root): Iterable<Finding> {
  if (server.tls?.client_ca_file !== undefined || !Array.isArray(tenants)) return;
  for (const [index, tenant] of tenants.entries()) {
    if (!isMapping(tenant) || tenant['token_sha256'] !== undefined || tenant['hmac_secret'] !== undefined) continue;
    yield {
      paths: [['tenants', index]],
      message: 'has no way to authenticate. Set token_sha256 or hmac_secret, or server.tls.client_ca_file for mTLS.',
    };
  }
}

/** The whole configuration file. */
export const settings = section({
  server: serverSettings.prefault({}).describe('The gRPC listener.'),
  admin: adminSettings.prefault({}).describe('The HTTP listener for metrics and health.'),
  log: logSettings.prefault({}).describe('The log.'),
  upstream: upstreamSettings.prefault({}).describe('Defaults for every endpoint.'),
  accounts: accountsSettings
    .prefault([])
    .describe('Upstream accounts. With none, ANTHROPIC_API_KEY stands for one, and without it the simulator serves.'),
  routing: routingSettings.prefault({}).describe('How an endpoint (an account in a region) is chosen.'),
  queue: queueSettings.prefault({}).describe('The queue in front of busy accounts.'),
  cache: cacheSettings.prefault({}).describe('The response cache.'),
  stream: streamSettings.prefault({}).describe('How stream events are sent to callers.'),
  redis: redisSettings.optional().describe('State shared by several replicas; absent, each keeps its own.'),
  tenants: tenantsSettings.prefault([]).describe('Callers that are known. With none, every caller is anonymous.'),
})
  .check(
    rule(
      [
        ['server', 'listen'],
        ['server', 'allow_anonymous'],
      ],
      anonymousStaysLocal,
    ),
  )
  .check(
    rule(
      [
        ['server', 'listen'],
        ['admin', 'listen'],
      ],
      listenersDiffer,
    ),
  )
  .check(rule([['server', 'tls', 'client_ca_file']], tenantsCanAuthenticate));

/** The file's values after validation, by the file's own names. */
export type Settings = z.output<typeof settings>;
