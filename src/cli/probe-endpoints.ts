import { DEFAULT_CACHE_POLICY } from '../completion/cache-policy.ts';
import { asRelayError } from '../completion/errors.ts';
import { DEFAULT_ROUTING } from '../completion/routing.ts';
import { startTrace } from '../completion/trace.ts';
import type { Config } from '../config/load.ts';
import { connectEndpoint } from '../main/connect.ts';
import { VERSION } from './version.ts';

const TIMEOUT_MS = 15_000;

/**
 * Asks each endpoint for its models, which is free of charge and says whether address, TLS and key are right.
 *
 * @returns whether all answered
 */
export async function probeEndpoints(config: Config, print: (line: string) => void): Promise<boolean> {
  let good = true;
  for (const account of config.accounts) {
    for (const region of account.regions) {
      const provider = connectEndpoint(config, account, region, VERSION);
      const startedAt = performance.now();
      try {
        await provider.send({
          id: `check-${account.name}-${region.name}`,
          operation: 'models',
          body: 'limit=1',
          digest: () => '',
          model: '',
          maxTokens: 0,
          wantsStream: false,
          tenant: '',
          options: { betas: [], apiVersion: '2023-06-01' },
          routing: DEFAULT_ROUTING,
          cache: DEFAULT_CACHE_POLICY,
          selfContained: true,
          traceContext: {},
          deadline: startedAt + TIMEOUT_MS,
          signal: AbortSignal.timeout(TIMEOUT_MS),
          trace: startTrace(startedAt),
        });
        print(`ok      ${account.name}/${region.name}: answered in ${Math.round(performance.now() - startedAt)} ms`);
      } catch (thrown) {
        good = false;
        const { reason, message, upstream } = asRelayError(thrown);
        const status = upstream.status === undefined ? '' : ` (HTTP ${upstream.status})`;
        print(`FAILED  ${account.name}/${region.name}: ${reason}${status}: ${message}`);
      } finally {
        await provider.close();
      }
    }
  }
  if (config.accounts.length === 0) print('no account is configured: there is nothing to ask');
  return good;
}
