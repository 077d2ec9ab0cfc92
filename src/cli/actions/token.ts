import { hash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { signer } from '../caller.ts';
import type { CallerOptions } from '../caller-options.ts';
import { fromProtoJson } from '../proto-json.ts';
import { loadProto } from '../relay-client.ts';

/** More than anybody can guess; a bare SHA-256 protects a random token, and no word that somebody chose. */
const TOKEN_BYTES = 32;
/** Tells people, and programs that search for leaked secrets, what they have found. */
const TOKEN_PREFIX = 'relay_';
const STANDARD_INPUT = 0;

export interface TokenOptions extends Pick<CallerOptions, 'tenant' | 'secretFile'> {
  readonly sign: boolean;
  readonly rpc: string;
  readonly request: string;
}

/** Prints a token, or what signs a request. */
export function token(options: TokenOptions, command: Command): void {
  if (!options.sign) {
    if (options.secretFile !== undefined) command.error('--secret-file is for --sign.');
    console.log(newToken(options.tenant ?? 'NAME'));
    return;
  }
  try {
    console.log(signed(options));
  } catch (thrown) {
    command.error(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** The settings hold the digest alone, so that reading them lets nobody call. */
function newToken(tenant: string): string {
  const made = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  return [
    `Token (for the tenant alone; it cannot be shown again):`,
    `  ${made}`,
    '',
    'Settings (they hold its SHA-256, which lets nobody call):',
    'tenants:',
    `  - name: ${JSON.stringify(tenant)}`,
    `    token_sha256: ${hash('sha256', made, 'hex')}`,
  ].join('\n');
}

/**
 * The metadata of a call with the request, as arguments of grpcurl, and the very bytes that were signed. A signature
 * holds for these bytes alone: another program may serialize the same request otherwise, and must sign what it sends.
 */
function signed(options: TokenOptions): string {
  const { rpc, request } = options;
  const sign = signer(options);
  if (sign === undefined) throw new Error('--sign needs --tenant and --secret-file.');
  const definition = loadProto();
  const service = definition['claude.relay.v1.RelayService'];
  const method = service === undefined || 'format' in service ? undefined : service[rpc];
  if (method === undefined) throw new Error(`RelayService has no method ${rpc}.`);
  const text = readFileSync(request === '-' ? STANDARD_INPUT : request, 'utf8');
  const { requestSerialize, requestType } = method;
  const bytes = requestSerialize(fromProtoJson(definition, nameOf(requestType.type), text));
  const headers = Object.entries(sign(bytes, new Date())).map(([key, value]) => `-H '${key}: ${value}'`);
  return [
    ...headers,
    `# signed within the last moment, valid for 5 minutes and once; the ${bytes.length} bytes signed:`,
  ]
    .concat(`# ${bytes.toString('base64')}`)
    .join('\n');
}

/** The full name of a message; the proto loader types descriptors as `object`. */
function nameOf(descriptor: object): string {
  return `claude.relay.v1.${'name' in descriptor ? String(descriptor.name) : ''}`;
}
