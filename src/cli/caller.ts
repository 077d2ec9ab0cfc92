/** Who a command calls as: the flags that say so, and what becomes of them on a call. */
import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, type Metadata } from '@grpc/grpc-js';
import { type Command, Option } from 'commander';
import { sign } from '../access/signature.ts';

export interface CallerOptions {
  readonly token?: string;
  readonly tenant?: string;
  readonly secretFile?: string;
  readonly tls: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** How calls prove who they are from. */
export interface Caller {
  readonly channel: ChannelCredentials;
  /** Adds the proof for a request, serialized as it will be sent. */
  readonly prove: (metadata: Metadata, request: Uint8Array) => void;
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

/** Reads the files that the flags name. Throws an Error for the user where a flag lacks another or a file is not there. */
export function callerOf(options: CallerOptions): Caller {
  const signature = signer(options);
  return {
    channel: channelOf(options),
    prove: (metadata, request) => {
      if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`);
      for (const [key, value] of Object.entries(signature?.(request, new Date()) ?? {})) metadata.set(key, value);
    },
  };
}

/** The metadata of a signed call. */
export type Signer = (request: Uint8Array, at: Date) => Readonly<Record<string, string>>;

/** Signs for the tenant of the flags; undefined where they name none. Throws as `callerOf` does. */
export function signer({ tenant, secretFile }: Pick<CallerOptions, 'tenant' | 'secretFile'>): Signer | undefined {
  if ((tenant === undefined) !== (secretFile === undefined)) {
    throw new Error('--tenant and --secret-file go together: a signature needs both.');
  }
  if (tenant === undefined || secretFile === undefined) return undefined;
  // As the relay reads such files: one line break at the end belongs to the editor.
  const key = createSecretKey(readFileSync(secretFile, 'utf8').replace(/\r?\n$/, ''), 'utf8');
  return (request, at) => {
    const timestamp = at.toISOString();
    return {
      'x-relay-tenant': tenant,
      'x-relay-timestamp': timestamp,
      'x-relay-signature': sign(key, timestamp, request).toString('hex'),
    };
  };
}

function channelOf({ tls, ca, cert, key }: CallerOptions): ChannelCredentials {
  if ((cert === undefined) !== (key === undefined)) throw new Error('--cert and --key go together.');
  if (!tls && ca === undefined && cert === undefined) return credentials.createInsecure();
  const read = (path: string | undefined): Buffer | null => (path === undefined ? null : readFileSync(path));
  return credentials.createSsl(read(ca), read(key), read(cert));
}
