/** The top-level fields of requests, and which version, beta and endpoint each belongs to: reference 1.1 and 5.2. */
import { cacheControl, messages, systemPrompt } from './blocks.ts';
import {
  anyObject,
  boolean,
  type Check,
  type Fields,
  integer,
  list,
  nullable,
  number,
  object,
  oneOf,
  string,
  stringOr,
  tagged,
} from './check.ts';
import { toolChoice, tools } from './tools.ts';

const display = nullable(oneOf('summarized', 'omitted', 'updates'));
const SMALLEST_THINKING_BUDGET = 1024;

const thinking = tagged({
  adaptive: object({ type: string }, { display, block_binding: anyObject }),
  enabled: object(
    { type: string, budget_tokens: integer(SMALLEST_THINKING_BUDGET) },
    { display, block_binding: anyObject },
  ),
  disabled: object({ type: string }),
  between_tools: object({ type: string }, { display, block_binding: anyObject }),
});

const outputFormat = nullable(tagged({ json_schema: object({ type: string, schema: anyObject }) }));

const outputConfig = object(
  {},
  {
    effort: nullable(oneOf('low', 'medium', 'high', 'xhigh', 'max')),
    format: outputFormat,
    task_budget: nullable(
      object({ type: oneOf('tokens'), total: integer(20_000) }, { remaining: nullable(integer(0)) }),
    ),
  },
);

const skill = object({ type: oneOf('anthropic', 'custom'), skill_id: string }, { version: string });

/** Fields that token counting takes too. */
const SHARED: Fields = {
  model: string,
  messages,
  system: systemPrompt,
  tools,
  tool_choice: toolChoice,
  thinking,
  output_config: outputConfig,
  cache_control: cacheControl,
  speed: nullable(oneOf('standard', 'fast')),
};

/** Fields that only answers have a use for. */
const CREATE_ONLY: Fields = {
  max_tokens: integer(0),
  stream: boolean,
  stop_sequences: list(string),
  metadata: object({}, { user_id: nullable(string) }),
  service_tier: oneOf('auto', 'standard_only'),
  inference_geo: nullable(string),
  container: nullable(stringOr(object({}, { id: nullable(string), skills: nullable(list(skill)) }))),
  diagnostics: nullable(object({}, { previous_message_id: nullable(string) })),
};

/** Fields that version 2026-10-21 removed. */
const SAMPLING: Fields = { temperature: number(0, 1), top_p: number(0, 1), top_k: integer(0) };

/** A field that exists only with one of these betas. */
interface BetaField {
  readonly check: Check;
  readonly betas: readonly string[];
}

const BETA_FIELDS: ReadonlyMap<string, BetaField> = new Map([
  [
    'mcp_servers',
    { check: list(anyObject), betas: ['mcp-client-2025-04-04', 'mcp-client-2025-11-20', 'mcp-client-2026-09-15'] },
  ],
  [
    'context_management',
    { check: nullable(anyObject), betas: ['context-management-2025-06-27', 'compact-2026-01-12'] },
  ],
  ['compaction', { check: nullable(anyObject), betas: ['compact-2026-09-04'] }],
  ['thread', { check: nullable(anyObject), betas: ['message-threads-2026-08-12'] }],
  [
    'fallbacks',
    {
      check: nullable(stringOr(list(anyObject, 3))),
      betas: ['server-side-fallback-2026-06-01', 'server-side-fallback-2026-07-01'],
    },
  ],
  [
    'fallback_credit_token',
    {
      check: nullable(stringOr(anyObject)),
      betas: ['fallback-credit-2026-06-01', 'fallback-credit-2026-07-01'],
    },
  ],
  ['billing_policy', { check: nullable(anyObject), betas: ['user-profiles-billing-2026-10-01'] }],
  ['output_format', { check: outputFormat, betas: ['structured-outputs-2025-11-13'] }],
]);

/** The `anthropic-version` values whose requests are told apart here. */
export type ApiVersion = '2023-06-01' | '2026-10-21';

/** Which of the two kinds of body is meant. */
export type BodyKind = 'create' | 'count_tokens';

const BY_KIND: Readonly<Record<BodyKind, Readonly<Record<ApiVersion, ReadonlyMap<string, Check>>>>> = {
  create: {
    '2023-06-01': new Map(Object.entries({ ...SHARED, ...CREATE_ONLY, ...SAMPLING })),
    '2026-10-21': new Map(Object.entries({ ...SHARED, ...CREATE_ONLY })),
  },
  count_tokens: {
    '2023-06-01': new Map(Object.entries(SHARED)),
    '2026-10-21': new Map(Object.entries(SHARED)),
  },
};

const REQUIRED_FIELDS: Readonly<Record<BodyKind, readonly string[]>> = {
  create: ['model', 'max_tokens', 'messages'],
  count_tokens: ['model', 'messages'],
};

/** Names that must be there. */
export function requiredFields(kind: BodyKind): readonly string[] {
  return REQUIRED_FIELDS[kind];
}

/** The check of a top-level field, or nothing where version, betas and endpoint know no such field. */
export function fieldCheck(
  name: string,
  kind: BodyKind,
  version: ApiVersion,
  betas: readonly string[],
): Check | undefined {
  const check = BY_KIND[kind][version].get(name);
  if (check !== undefined) return check;
  const beta = BETA_FIELDS.get(name);
  return beta?.betas.some((needed) => betas.includes(needed)) ? beta.check : undefined;
}
