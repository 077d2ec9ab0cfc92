import { Command } from 'commander';
import type { CheckOptions } from './actions/check.ts';

/** `claude-relay check`: what is wrong with a configuration, all at once. */
export function checkCommand(): Command {
  return new Command('check')
    .description('Validate a configuration: every problem with its path and line. Exits with 1 where there are any.')
    .option('--config <file>', 'the configuration file (default: $RELAY_CONFIG; without one, defaults and variables)')
    .option('--probe', 'also ask each endpoint for its models, which is free of charge', false)
    .action(async (options: CheckOptions) => (await import('./actions/check.ts')).check(options));
}
