import { createHash, hash } from 'node:crypto';
import type { Call } from '../completion/call.ts';

/**
 * Digest of what an upstream answer depends on. `sha256` by default; `md5` on request, where lookups compare the stored
 * request before they use an answer.
 */
export function requestDigest(algorithm: 'sha256' | 'md5'): (body: string) => string {
  return (body) => hash(algorithm, body, 'hex');
}

/**
 * The key under which calls share an answer, as hex of SHA-256: equal bodies are not enough, since the operation, the API
 * version, the betas in force, a pinned region and (unless answers are shared) the tenant belong to the question too.
 */
export function answerKey(scope: 'tenant' | 'shared', call: Call): string {
  const { operation, tenant, options, routing } = call;
  const parts = [scope === 'tenant' ? tenant : '', operation, options.apiVersion, options.betas.join(), routing.region];
  return createHash('sha256').update(JSON.stringify(parts)).update(call.digest()).digest('hex');
}

/** The key of calls that may share a flight; undefined for those that may not. */
export function coalescingKey(scope: 'tenant' | 'shared'): (call: Call) => string | undefined {
  return (call) => (call.operation === 'models' ? undefined : `${call.routing.priority} ${answerKey(scope, call)}`);
}
