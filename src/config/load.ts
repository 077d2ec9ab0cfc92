import { dirname, resolve } from 'node:path';
import { Draft } from './draft.ts';
import { applyEnvironment, type VariableUse } from './environment.ts';
import { type FileContent, readFiles, readSmallFile } from './files.ts';
import { checkPemFiles } from './pem-files.ts';
import { ConfigError } from './problem.ts';
import { type Environment, fillReferences } from './references.ts';
import { type AccountConfig, accountsConfig } from './sections/accounts.ts';
import { type AdminConfig, adminConfig } from './sections/admin.ts';
import { type CacheConfig, cacheConfig } from './sections/cache.ts';
import { type LogConfig, logConfig } from './sections/log.ts';
import { type QueueConfig, queueConfig } from './sections/queue.ts';
import { type RedisConfig, redisConfig } from './sections/redis.ts';
import { type RoutingConfig, routingConfig } from './sections/routing.ts';
import { type ServerConfig, serverConfig } from './sections/server.ts';
import { type StreamConfig, streamConfig } from './sections/stream.ts';
import { type TenantConfig, tenantsConfig } from './sections/tenants.ts';
import { type UpstreamConfig, upstreamConfig } from './sections/upstream.ts';
import type { Settings } from './settings.ts';
import { outline, validate } from './validate.ts';
import { readYaml } from './yaml.ts';

/** Where a configuration came from. */
export interface Origin {
  /** The file, absolute; undefined where there was none. */
  readonly path: string | undefined;
  /** The file and every file it names, absolute, with the fingerprints of what was read: what to watch for changes. */
  readonly files: ReadonlyMap<string, string>;
  readonly variables: VariableUse;
}

/** A complete and valid configuration: every default is filled in, and `undefined` means what the field's section says. */
export interface Config {
  readonly origin: Origin;
  readonly server: ServerConfig;
  readonly admin: AdminConfig;
  readonly log: LogConfig;
  readonly upstream: UpstreamConfig;
  /** Empty: no upstream is configured, and the simulator is to serve. */
  readonly accounts: readonly AccountConfig[];
  readonly routing: RoutingConfig;
  readonly queue: QueueConfig;
  readonly cache: CacheConfig;
  readonly stream: StreamConfig;
  /** Undefined: nothing is shared with other replicas. */
  readonly redis: RedisConfig | undefined;
  /** Empty: callers are anonymous. */
  readonly tenants: readonly TenantConfig[];
}

export interface ConfigSource {
  /** Path of the YAML file; without one, there are only defaults and variables. */
  readonly path?: string | undefined;
  /** The environment, as in `process.env`. */
  readonly env: Environment;
}

/** Reads the configuration, once. Throws a `ConfigError` with everything that is wrong with it. */
export function loadConfig({ path, env }: ConfigSource): Config {
  const draft = new Draft(path ?? 'configuration');
  const file = path === undefined ? undefined : resolve(path);
  const content = file === undefined ? undefined : readFile(file, draft);
  if (draft.isSpoiled([])) throw new ConfigError(draft.problems());

  const variables = applyEnvironment(draft, env);
  fillReferences(draft, env);
  const named = readFiles(draft, outline, file === undefined ? '.' : dirname(file));
  checkPemFiles(draft, named);
  const settings = validate(draft);

  const problems = draft.problems();
  if (settings === undefined || problems.length > 0) throw new ConfigError(problems);
  const files = new Map<string, string>();
  if (file !== undefined && content !== undefined) {
    for (const [path, { fingerprint }] of [[file, content] as const, ...named]) files.set(path, fingerprint);
  }
  return complete(settings, { path: file, files, variables });
}

function readFile(file: string, draft: Draft): FileContent | undefined {
  const read = readSmallFile(file);
  if ('problem' in read) {
    draft.blame([], read.problem);
    return undefined;
  }
  readYaml(read.text, draft);
  return read;
}

function complete(settings: Settings, origin: Origin): Config {
  return {
    origin,
    server: serverConfig(settings.server),
    admin: adminConfig(settings.admin),
    log: logConfig(settings.log),
    upstream: upstreamConfig(settings.upstream),
    accounts: accountsConfig(settings.accounts),
    routing: routingConfig(settings.routing),
    queue: queueConfig(settings.queue),
    cache: cacheConfig(settings.cache),
    stream: streamConfig(settings.stream),
    redis: settings.redis && redisConfig(settings.redis),
    tenants: tenantsConfig(settings.tenants),
  };
}
