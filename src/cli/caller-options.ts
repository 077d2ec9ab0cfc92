import { type Command, Option } from 'commander';

/** Who a command calls as: what `addCallerOptions` adds. */
export interface CallerOptions {
  readonly token?: string;
  readonly tenant?: string;
  readonly secretFile?: string;
  readonly tls: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The flags for all three proofs: bearer token, signature, client certificate. */
export function addCallerOptions(command: Command): Command {
  return command
    .addOption(new Option('--token <token>', 'bearer token of the tenant').env('RELAY_TOKEN'))
    .option('--tenant <name>', 'tenant that signs the call, with --secret-file')
    .option('--secret-file <file>', 'file with the secret of its signatures')
    .option('--tls', 'call over TLS, trusting the authorities that Node knows', false)
    .option('--ca <file>', 'authorities in PEM to trust instead; implies --tls')
    .option('--cert <file>', 'client certificate in PEM, with --key; implies --tls')
    .option('--key <file>', 'private key of the client certificate');
}
