import { isLoopback } from '../config/address.ts';
import type { Config } from '../config/load.ts';
import type { TenantConfig } from '../config/sections/tenants.ts';
import type { Server } from '../server/server.ts';
import { needRestart } from './need-restart.ts';
import { tlsOptions } from './server-options.ts';
import type { Upstreams } from './upstreams.ts';

/** What can take over other settings while it runs. */
export interface Reloadable {
  readonly server: Pick<Server, 'setTls'>;
  readonly access: { readonly replace: (tenants: readonly TenantConfig[]) => void };
  readonly answers: { readonly replace: (config: Config) => void };
  readonly upstreams: Pick<Upstreams, 'replace'>;
}

/**
 * Takes over the accounts, tenants and certificates of another configuration; resolves with the names of the settings
 * that differ from those the relay was started with and need a restart. Rejects, and leaves all as it is, where the
 * settings are valid for a relay that starts and not for this one.
 *
 * @param started the configuration that the relay was started with
 */
export function reloader(started: Config, { server, access, answers, upstreams }: Reloadable) {
  let turn: Promise<void> = Promise.resolve();

  async function takeOver(next: Config): Promise<readonly string[]> {
    requireClosed(started, next);
    // First what can be refused, so that nothing is taken over by halves; the pool takes whatever is valid.
    server.setTls(tlsOptions(next.server));
    access.replace(next.tenants);
    answers.replace(next);
    await upstreams.replace(next);
    return needRestart(started, next);
  }

  // One after the other: a changed file and a signal may well come together.
  return async (next: Config): Promise<readonly string[]> => {
    const before = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turn = promise;
    await before;
    return takeOver(next).finally(resolve);
  };
}

/**
 * The file may have moved the listener to loopback and dropped the tenants, which is fine for a relay that starts. This
 * one still listens where it did, and would let everybody in.
 */
function requireClosed({ server: { listen } }: Config, { server, tenants }: Config): void {
  if (tenants.length > 0 || server.allowAnonymous || isLoopback(listen)) return;
  throw new Error(
    'No tenant is configured any more, and the running relay listens beyond loopback: anyone could spend. Restart it.',
  );
}
