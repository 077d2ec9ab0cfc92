import { type CachePolicy, DEFAULT_CACHE_POLICY } from '../../completion/cache-policy.ts';
import type { CallOptions } from '../../completion/call.ts';
import type { FieldViolation } from '../../completion/errors.ts';
import { DEFAULT_ROUTING, type RoutingHints } from '../../completion/routing.ts';
import { cachePolicy, type CachePolicyText, cacheViolations } from './cache-options.ts';

/** `RelayOptions` as its JSON text has them: proto field names, enums by name. */
interface OptionsText {
  readonly betas?: readonly string[];
  readonly api_version?: string;
  readonly region?: string;
  readonly affinity_key?: string;
  readonly priority?: string;
  readonly cache?: CachePolicyText;
}

export interface DecodedOptions {
  readonly options: CallOptions;
  readonly routing: RoutingHints;
  readonly cache: CachePolicy;
  readonly violations: readonly FieldViolation[];
}

/** The version that every account and model still accepts; 2026-10-21 refuses sampling parameters. */
const DEFAULT_API_VERSION = '2023-06-01';
const API_VERSION = /^\d{4}-\d{2}-\d{2}$/;
/** What may stand in the comma-separated `anthropic-beta` header. */
const BETA = /^[!-+\--~]+$/;
/** Far more than the API knows; all of them travel in one header. */
const MAX_BETAS = 64;
const MAX_BETA_LENGTH = 128;
const MAX_KEY_LENGTH = 512;

/** Reads the JSON text of `RelayOptions`; undefined where the request has none. */
export function readOptions(text: string | undefined): DecodedOptions {
  if (text === undefined) {
    return {
      options: { betas: [], apiVersion: DEFAULT_API_VERSION },
      routing: DEFAULT_ROUTING,
      cache: DEFAULT_CACHE_POLICY,
      violations: [],
    };
  }
  // The decoder wrote this text from typed fields.
  const given = JSON.parse(text) as OptionsText;
  const apiVersion =
    given.api_version === undefined || given.api_version === '' ? DEFAULT_API_VERSION : given.api_version;
  const violations: FieldViolation[] = [];
  if (!API_VERSION.test(apiVersion)) {
    violations.push({ field: 'relay.api_version', description: 'is no version such as 2023-06-01 or 2026-10-21' });
  }
  violations.push(...betaViolations(given.betas ?? []), ...cacheViolations(given.cache));
  for (const field of ['affinity_key', 'region'] as const) {
    if ((given[field] ?? '').length <= MAX_KEY_LENGTH) continue;
    violations.push({
      field: `relay.${field}`,
      description: `is longer than ${MAX_KEY_LENGTH} characters; shorten it`,
    });
  }
  return {
    options: { betas: given.betas ?? [], apiVersion },
    routing: {
      ...DEFAULT_ROUTING,
      region: given.region ?? '',
      affinityKey: given.affinity_key ?? '',
      priority: given.priority === 'PRIORITY_BACKGROUND' ? 'background' : 'interactive',
    },
    cache: cachePolicy(given.cache),
    violations,
  };
}

function betaViolations(betas: readonly string[]): FieldViolation[] {
  if (betas.length > MAX_BETAS) {
    return [
      { field: 'relay.betas', description: `has more than ${MAX_BETAS} items; send those that the request needs` },
    ];
  }
  return betas.flatMap((beta, index): FieldViolation[] => {
    if (BETA.test(beta) && beta.length <= MAX_BETA_LENGTH) return [];
    const description =
      `is no name for the anthropic-beta header: 1 to ${MAX_BETA_LENGTH} printable ASCII characters ` +
      'without space or comma, one name in each item';
    return [{ field: `relay.betas[${index}]`, description }];
  });
}
