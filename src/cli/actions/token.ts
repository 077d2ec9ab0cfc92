import { hash, randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { CallerOptions } from '../caller-options.ts';

/** More than anybody can guess; a bare SHA-256 protects a random token, and no word that somebody chose. */
const TOKEN_BYTES = 32;
/** Tells people, and programs that search for leaked secrets, what they have found. */
const TOKEN_PREFIX = 'relay_';

export interface TokenOptions extends Pick<CallerOptions, 'tenant' | 'secretFile'> {
  readonly sign: boolean;
  readonly rpc: string;
  readonly request: string;
}

/** Prints a token, or what signs a request. */
export async function token(options: TokenOptions, command: Command): Promise<void> {
  if (!options.sign) {
    if (options.secretFile !== undefined) command.error('--secret-file is for --sign.');
    console.log(newToken(options.tenant ?? 'NAME'));
    return;
  }
  try {
    const { signRequest } = await import('./sign-request.ts');
    console.log(signRequest(options));
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
