import { z } from 'zod';
import { Secret } from '../../completion/secret.ts';
import {
  answerTtl,
  choice,
  count,
  figure,
  filePath,
  patterns,
  secret,
  section,
  similarity,
  tokenHash,
} from '../fields.ts';
import { type Finding, repeats, rule } from '../rule.ts';

/** A name as elsewhere, or the SPIFFE id or common name of a client certificate. */
const tenantName = z
  .string()
  .regex(
    /^(spiffe:\/\/)?[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$/,
    'is not a tenant name. Use letters, digits, dots, dashes, underscores and slashes, or a SPIFFE id.',
  );

const tokenHashes = z
  .union([tokenHash(), z.array(tokenHash()).min(1)], {
    error: () => 'is neither a SHA-256 in hex nor a list of such. Make one with: printf %s "$TOKEN" | sha256sum',
  })
  .transform((value) => (Array.isArray(value) ? value : [value]));

const limits = section({
  requests_per_minute: count().optional().describe('Requests in any minute.'),
  tokens_per_minute: count().optional().describe('Input and output tokens in any minute.'),
  concurrent_requests: count().optional().describe('Requests under way at once.'),
  usd_per_day: figure().optional().describe('Spending in a day (UTC), in US dollars.'),
});

const cache = section({
  mode: choice(['off', 'exact', 'similar']).optional().describe('What its calls get that do not choose.'),
  ttl: answerTtl().optional().describe('Time that an answer to it is kept.'),
  min_similarity: similarity().optional().describe('Least similarity for a similar hit, from 0 to 1.'),
});

const tenant = z.strictObject({
  name: tenantName.describe('Name of the tenant; with mTLS, the SPIFFE id or common name of its certificate.'),
  token_sha256: tokenHashes
    .optional()
    .describe('SHA-256 in hex of its bearer token, or a list of them while a token is being replaced.'),
  hmac_secret: secret().optional().describe('Secret of its request signatures.'),
  hmac_secret_file: filePath().optional().describe('File that holds that secret.'),
  models: patterns().prefault(['*']).describe('Models that it may use.'),
  regions: patterns().prefault(['*']).describe('Regions that it may use.'),
  rpcs: patterns()
    .prefault(['*'])
    .describe('RPCs that it may call: a method, a service or the full name, such as CountTokens or RelayService.'),
  limits: limits.prefault({}).describe('What it may use up; absent figures are unlimited, 0 allows nothing.'),
  cache: cache.prefault({}).describe('How it uses the response cache; absent values are those of the section cache.'),
  weight: figure({ min: 0.001, max: 1000 })
    .prefault(1)
    .describe('Share of scarce capacity, relative to other tenants.'),
});

interface Loose {
  readonly name?: unknown;
  readonly token_sha256?: unknown;
}

function* distinct(tenants: readonly Loose[]): Iterable<Finding> {
  yield* repeats(
    tenants,
    (tenant) => tenant.name,
    (index, first) => ({
      paths: [[index, 'name']],
      message: `is the name of tenants[${first}] too. Give each tenant a name of its own.`,
    }),
  );
  const owners = new Map<string, number>();
  for (const [index, tenant] of tenants.entries()) {
    for (const hash of hashesOf(tenant)) {
      const owner = owners.get(hash);
      owners.set(hash, owner ?? index);
      if (owner !== undefined)
        yield {
          paths: [[index, 'token_sha256']],
          message: `repeats a token of tenants[${owner}]. Give each tenant tokens of its own, once.`,
        };
    }
  }
}

function hashesOf(tenant: Loose | null): readonly string[] {
  const hashes = typeof tenant === 'object' ? tenant?.token_sha256 : undefined;
  return Array.isArray(hashes) ? hashes.flatMap((hash) => (hash instanceof Secret ? [hash.reveal()] : [])) : [];
}

export const tenantsSettings = z.array(tenant).check(rule([], distinct));

/** The callers that are known. */
export function tenantsConfig(settings: z.output<typeof tenantsSettings>) {
  return settings.map((tenant) => ({
    name: tenant.name,
    /** In lower case; empty where it has no token. */
    tokenSha256: tenant.token_sha256 ?? [],
    hmacSecret: tenant.hmac_secret,
    models: tenant.models,
    regions: tenant.regions,
    rpcs: tenant.rpcs,
    /** Undefined figures are unlimited; 0 allows nothing. */
    limits: {
      requestsPerMinute: tenant.limits.requests_per_minute,
      tokensPerMinute: tenant.limits.tokens_per_minute,
      concurrentRequests: tenant.limits.concurrent_requests,
      usdPerDay: tenant.limits.usd_per_day,
    },
    /** Undefined values: as the section `cache` says. */
    cache: { mode: tenant.cache.mode, ttlMs: tenant.cache.ttl, minSimilarity: tenant.cache.min_similarity },
    weight: tenant.weight,
  }));
}

export type TenantConfig = ReturnType<typeof tenantsConfig>[number];
