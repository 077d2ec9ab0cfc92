import { z } from 'zod';
import { Secret } from '../../completion/secret.ts';
import { count, figure, filePath, modelPatterns, secret, tokenHash } from '../fields.ts';
import { type Finding, repeats, rule } from '../rule.ts';

/** A name as elsewhere, or the SPIFFE id or common name of a client certificate. */
const tenantName = z
  .string()
  .regex(
    /^(spiffe:\/\/)?[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$/,
    'is not a tenant name. Use letters, digits, dots, dashes, underscores and slashes, or a SPIFFE id.',
  );

const limits = z.strictObject({
  requests_per_minute: count({ min: 1 }).optional().describe('Requests in any minute.'),
  tokens_per_minute: count({ min: 1 }).optional().describe('Input and output tokens in any minute.'),
  concurrent_requests: count({ min: 1 }).optional().describe('Requests under way at once.'),
  usd_per_day: figure({ min: 0.01 }).optional().describe('Spending in a day (UTC), in US dollars.'),
});

const tenant = z.strictObject({
  name: tenantName.describe('Name of the tenant; with mTLS, the SPIFFE id or common name of its certificate.'),
  token_sha256: tokenHash().optional().describe('SHA-256 in hex of its bearer token.'),
  hmac_secret: secret().optional().describe('Secret of its request signatures.'),
  hmac_secret_file: filePath().optional().describe('File that holds that secret.'),
  models: modelPatterns().prefault(['*']).describe('Models that it may use.'),
  limits: limits.prefault({}).describe('What it may use up; absent figures are unlimited.'),
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
  yield* repeats(
    tenants,
    ({ token_sha256: hash }) => (hash instanceof Secret ? hash.reveal() : undefined),
    (index, first) => ({
      paths: [[index, 'token_sha256']],
      message: `is the token of tenants[${first}] too. Give each tenant a token of its own.`,
    }),
  );
}

export const tenantsSettings = z.array(tenant).check(rule([], distinct));

/** The callers that are known. */
export function tenantsConfig(settings: z.output<typeof tenantsSettings>) {
  return settings.map((tenant) => ({
    name: tenant.name,
    tokenSha256: tenant.token_sha256,
    hmacSecret: tenant.hmac_secret,
    models: tenant.models,
    /** Undefined figures are unlimited. */
    limits: {
      requestsPerMinute: tenant.limits.requests_per_minute,
      tokensPerMinute: tenant.limits.tokens_per_minute,
      concurrentRequests: tenant.limits.concurrent_requests,
      usdPerDay: tenant.limits.usd_per_day,
    },
    weight: tenant.weight,
  }));
}

export type TenantConfig = ReturnType<typeof tenantsConfig>[number];
