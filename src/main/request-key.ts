import { createHash, hash } from 'node:crypto';
import type { Call, Operation } from '../completion/call.ts';
import type { DecodedRequest } from '../server/relay-service.ts';

export interface KeyOptions {
  readonly digest: 'sha256' | 'md5';
  /** Who may be served an answer: its own tenant, or all. */
  readonly scope: 'tenant' | 'shared';
  /** The region that a tenant's call must run in, given the one it asked for; empty for any. */
  readonly regionOf: (tenant: string, asked: string) => string;
}

/** Bodies longer than this are not copied to be digested; for shorter ones the copy is cheaper. */
const LONG_BODY = 16 * 1024;

function hashOf(digest: KeyOptions['digest'], ...texts: readonly string[]): string {
  const hasher = createHash(digest);
  for (const text of texts) hasher.update(text);
  return hasher.digest('hex');
}

/** What makes an answer another one beside the body of its request. */
type Circumstances = Pick<Call, 'operation' | 'tenant' | 'options' | 'routing'>;

/**
 * The key under which calls share an answer: a digest of the body and of everything else that belongs to the question.
 * With md5, whoever finds an answer compares the request that it answers before using it: md5 collides at will.
 */
export function requestKey({
  digest,
  scope,
  regionOf,
}: KeyOptions): (request: DecodedRequest, operation: Operation, tenant: string) => string {
  return ({ body, options, routing, memo }, operation, tenant) => {
    const region = regionOf(tenant, routing.region);
    const last = memo?.digest;
    if (last?.tenant === tenant && last.operation === operation && last.region === region) return last.text;
    const around = circumstances({ operation, tenant, options, routing: { ...routing, region } }, scope);
    const text = body.length > LONG_BODY ? hashOf(digest, around, body) : hash(digest, around + body);
    if (memo !== undefined) memo.digest = { tenant, operation, region, text };
    return text;
  };
}

/**
 * Text that is equal for two calls of which one may have the other's answer where their bodies are equal: of the same
 * operation, API version, beta features and region, and of one tenant unless answers are shared. Comes before the body,
 * and says itself where it ends.
 */
export function circumstances(
  { operation, tenant, options: { apiVersion, betas }, routing: { region } }: Circumstances,
  scope: KeyOptions['scope'],
): string {
  // Features in force have no order.
  const features = betas.length < 2 ? betas : [...new Set(betas)].sort();
  return JSON.stringify([scope === 'tenant' ? tenant : '', operation, apiVersion, features, region]);
}
