import { Command } from 'commander';
import type { TokenOptions } from './actions/token.ts';

/** `claude-relay token`: makes a bearer token, or signs a request, for debugging. */
export function tokenCommand(): Command {
  return new Command('token')
    .description(
      'Make a bearer token for a tenant, with the settings that accept it. With --sign, sign a request instead, to compare with what another client signs.',
    )
    .option('--tenant <name>', 'name of the tenant')
    .option('--sign', 'print the metadata of a signed call instead', false)
    .option('--secret-file <file>', 'file with the secret of the signature')
    .option('--rpc <name>', 'method of RelayService that the request is for', 'Complete')
    .option('--request <file>', 'the request as JSON, as grpcurl takes it; - is standard input', '-')
    .action(async (options: TokenOptions, self: Command) => (await import('./actions/token.ts')).token(options, self));
}
