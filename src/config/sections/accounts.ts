import { z } from 'zod';
import { matchesModel } from '../../completion/model-pattern.ts';
import { baseUrl, choice, count, figure, filePath, headerSecret, name, patterns } from '../fields.ts';
import { type Finding, repeats, rule } from '../rule.ts';

/** The API itself, where an account names no region. */
export const DEFAULT_BASE_URL = 'https://api.anthropic.com';

const FIGURES = [
  'requests_per_minute',
  'input_tokens_per_minute',
  'output_tokens_per_minute',
  'concurrent_requests',
] as const;

const modelLimits = z
  .strictObject({
    models: patterns().prefault(['*']).describe('Models that share these limits. The first entry that fits counts.'),
    requests_per_minute: count({ min: 1 }).optional().describe('Requests in any minute.'),
    input_tokens_per_minute: count({ min: 1 }).optional().describe('Input tokens in any minute, cache reads excluded.'),
    output_tokens_per_minute: count({ min: 1 }).optional().describe('Output tokens in any minute.'),
    concurrent_requests: count({ min: 1 }).optional().describe('Requests under way at once.'),
  })
  .check(
    rule<Partial<Record<(typeof FIGURES)[number], unknown>>>([], function* (limits) {
      if (FIGURES.every((figure) => limits[figure] === undefined))
        yield {
          paths: [[]],
          message: `limits nothing. Set ${FIGURES.join(', ')}, or take it out to learn from headers.`,
        };
    }),
  )
  // What editors see of that rule.
  .meta({ anyOf: FIGURES.map((figure) => ({ required: [figure] })) });

const limits = z
  .union([modelLimits, z.array(modelLimits).check(rule([], reachable))], {
    error: () =>
      'is neither a mapping of limits nor a list of such. Write { requests_per_minute: 1000 }, or take it out.',
  })
  .transform((value) => (Array.isArray(value) ? value : [value]));

/** An entry all of whose models an earlier one takes would be accepted and never used. */
function* reachable(entries: readonly { readonly models?: unknown }[]): Iterable<Finding> {
  const earlier: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const models = patternsOf(entry);
    // A pattern that matches another one's text, its stars included, matches all that the other one does.
    if (models.length > 0 && models.every((model) => earlier.some((pattern) => matchesModel(pattern, model))))
      yield {
        paths: [[index]],
        message: 'is never used: earlier entries take all its models. Move it up or take it out.',
      };
    earlier.push(...models);
  }
}

function patternsOf(entry: unknown): readonly string[] {
  if (typeof entry !== 'object' || entry === null || !('models' in entry) || !Array.isArray(entry.models)) return [];
  return entry.models.filter((model) => typeof model === 'string');
}

const region = z.strictObject({
  name: name().describe(
    'Name of the region. Accounts that name the same region share its label in metrics and health.',
  ),
  base_url: baseUrl().describe('Where the API answers for this region, without /v1.'),
});

const regions = z
  .array(region)
  .min(1)
  .check(
    rule([], (values: readonly { readonly name?: unknown }[]) =>
      repeats(
        values,
        (value) => value.name,
        (index, first) => ({
          paths: [[index, 'name']],
          message: `is the name of regions[${first}] too. Give each region of an account a name of its own.`,
        }),
      ),
    ),
  );

const account = z.strictObject({
  name: name().describe('Name of the account, in metrics, logs and answers.'),
  provider: choice(['anthropic'], ['bedrock', 'vertex']).prefault('anthropic').describe('Dialect of the upstream.'),
  organization: name()
    .optional()
    .describe(
      "Organization of the key; by default the account's name. Its keys share limits, prompt cache and signatures.",
    ),
  api_key: headerSecret().describe('API key.'),
  api_key_file: filePath().optional().describe('File that holds the API key.'),
  limits: limits
    .prefault([])
    .describe('Limits of the organization: one object, or a list of them by models. Absent: learned from headers.'),
  weight: figure({ min: 0.001, max: 1000 }).prefault(1).describe('Share of traffic, relative to other accounts.'),
  priority: count({ max: 1000 }).prefault(0).describe('Tier: a lower one is used while it has capacity.'),
  models: patterns().prefault(['*']).describe('Models that the account may serve.'),
  regions: regions
    .prefault([{ name: 'default', base_url: DEFAULT_BASE_URL }])
    .describe('Where the account may be used.'),
});

export const accountsSettings = z.array(account).check(
  rule([], (values: readonly { readonly name?: unknown }[]) =>
    repeats(
      values,
      (value) => value.name,
      (index, first) => ({
        paths: [[index, 'name']],
        message: `is the name of accounts[${first}] too. Give each account a name of its own.`,
      }),
    ),
  ),
);

/** The accounts to choose from; none means that no upstream is configured. */
export function accountsConfig(settings: z.output<typeof accountsSettings>) {
  return settings.map((account) => ({
    name: account.name,
    provider: account.provider,
    organization: account.organization ?? account.name,
    apiKey: account.api_key,
    /** Empty: learned from headers. Otherwise the first entry whose models fit holds. */
    limits: account.limits.map((entry) => ({
      models: entry.models,
      requestsPerMinute: entry.requests_per_minute,
      inputTokensPerMinute: entry.input_tokens_per_minute,
      outputTokensPerMinute: entry.output_tokens_per_minute,
      concurrentRequests: entry.concurrent_requests,
    })),
    weight: account.weight,
    priority: account.priority,
    models: account.models,
    regions: account.regions.map((region) => ({ name: region.name, baseUrl: region.base_url })),
  }));
}

export type AccountConfig = ReturnType<typeof accountsConfig>[number];
