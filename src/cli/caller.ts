/** Who a command calls as: what becomes of its flags on a call. */
import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, type Metadata } from '@grpc/grpc-js';
import { sign } from '../access/signature.ts';
import type { CallerOptions } from './caller-options.ts';

/** How calls prove who they are from. */
export interface Caller {
  readonly channel: ChannelCredentials;
  /** Adds the proof for a request, serialized as it will be sent. */
  readonly prove: (metadata: Metadata, request: Uint8Array) => void;
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
  const key = createSecretKey(
    read('--secret-file', secretFile)
      .toString()
      .replace(/\r?\n$/, ''),
    'utf8',
  );
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
  const pem = (flag: string, path: string | undefined): Buffer | null => (path === undefined ? null : read(flag, path));
  return credentials.createSsl(pem('--ca', ca), pem('--key', key), pem('--cert', cert));
}

function read(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new Error(`${flag}: ${path} ${isMissing ? 'is not there' : 'cannot be read'}.`, { cause });
  }
}
