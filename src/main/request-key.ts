import { hash } from 'node:crypto';
import type { Operation } from '../completion/call.ts';
import type { DecodedRequest } from '../server/relay-service.ts';

/**
 * The key under which calls share an answer: a digest of the body and of everything else that belongs to the question,
 * that is the operation, the API version, the betas in force, a pinned region, and the tenant unless answers are shared.
 * With md5, whoever finds an answer compares the stored request before using it: md5 collides at will.
 */
export function requestKey(
  algorithm: 'sha256' | 'md5',
  scope: 'tenant' | 'shared',
): (request: DecodedRequest, operation: Operation, tenant: string) => string {
  return ({ body, options, routing }, operation, tenant) => {
    const whose = scope === 'tenant' ? tenant : '';
    const rest = JSON.stringify([whose, operation, options.apiVersion, options.betas, routing.region]);
    return hash(algorithm, rest + body, 'hex');
  };
}
