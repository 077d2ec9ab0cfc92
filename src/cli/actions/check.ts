import { loadConfig } from '../../config/load.ts';
import { ConfigError } from '../../config/problem.ts';

export interface CheckOptions {
  readonly config?: string;
  readonly probe: boolean;
}

/** Prints every problem of the configuration that `serve` would take, and what its endpoints answer where that is asked for. */
export async function check({ config: file, probe }: CheckOptions): Promise<void> {
  const path = file ?? (process.env['RELAY_CONFIG'] || undefined);
  try {
    const config = loadConfig({ path, env: process.env });
    console.log(`${path ?? 'no file, only defaults and variables'}: the configuration is valid`);
    if (!probe) return;
    const { probeEndpoints } = await import('../probe-endpoints.ts');
    if (!(await probeEndpoints(config, console.log))) process.exitCode = 1;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    console.error(thrown.message);
    process.exitCode = 1;
  }
}
