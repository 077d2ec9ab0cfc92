import { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { probeEndpoints } from './probe-endpoints.ts';

/** `claude-relay check`: what is wrong with a configuration, all at once. */
export function checkCommand(): Command {
  return new Command('check')
    .description('Validate a configuration: every problem with its path and line. Exits with 1 where there are any.')
    .requiredOption('--config <file>', 'the configuration file')
    .option('--probe', 'also ask each endpoint for its models, which is free of charge', false)
    .action(check);
}

async function check({ config: path, probe }: { config: string; probe: boolean }): Promise<void> {
  try {
    const config = loadConfig({ path, env: process.env });
    console.log(`${path}: the configuration is valid`);
    if (probe && !(await probeEndpoints(config, console.log))) process.exitCode = 1;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    console.error(thrown.message);
    process.exitCode = 1;
  }
}
