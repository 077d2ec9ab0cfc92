import { Command } from 'commander';
import type { ServeOptions } from './actions/serve.ts';

/** `claude-relay serve`: the service. */
export function serveCommand(): Command {
  return new Command('serve')
    .description(
      'Serve. With no account configured and no ANTHROPIC_API_KEY, a simulated upstream answers, and says so.',
    )
    .option('--config <file>', 'the configuration file (default: $RELAY_CONFIG; without one, the defaults)')
    .action(async (options: ServeOptions) => (await import('./actions/serve.ts')).serve(options));
}
