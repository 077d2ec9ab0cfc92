import { notFound } from '../api-error.ts';
import { type Page, paginate } from '../paging.ts';
import type { ModelIndex, ModelSpec } from './catalogue.ts';

/** A model as `GET /v1/models/{id}` shows it. */
export interface ModelInfo {
  readonly type: 'model';
  readonly id: string;
  readonly [field: string]: unknown;
}

const YES = { supported: true } as const;

function supported(value: boolean): { readonly supported: boolean } {
  return { supported: value };
}

function capabilities(spec: ModelSpec): object {
  const { adaptive, enabled, disabled, between_tools } = spec.thinking;
  return {
    batch: YES,
    citations: YES,
    code_execution: YES,
    context_management: {
      supported: true,
      clear_thinking_20251015: YES,
      clear_tool_uses_20250919: YES,
      compact_20260112: supported(spec.generation >= 4.6),
    },
    effort: {
      supported: spec.generation >= 4.6,
      low: supported(spec.generation >= 4.6),
      medium: supported(spec.generation >= 4.6),
      high: supported(spec.generation >= 4.6),
      xhigh: spec.generation >= 4.6 ? supported(spec.generation >= 4.7) : null,
      max: supported(spec.generation >= 4.6),
    },
    image_input: YES,
    pdf_input: YES,
    server_tools: { supported: true, web_search: YES, code_execution: YES },
    structured_outputs: YES,
    thinking: {
      supported: true,
      types: {
        adaptive: supported(adaptive),
        enabled: supported(enabled),
        disabled: supported(disabled),
        between_tools: supported(between_tools),
      },
    },
  };
}

function describe(spec: ModelSpec): ModelInfo {
  return {
    type: 'model',
    id: spec.id,
    display_name: spec.displayName,
    created_at: spec.createdAt,
    lifecycle: spec.lifecycle,
    line: spec.line,
    deprecated_at: spec.deprecatedAt,
    retires_at: spec.retiresAt,
    max_input_tokens: spec.maxInputTokens,
    max_tokens: spec.maxTokens,
    capabilities: capabilities(spec),
  };
}

/** `GET /v1/models`: newest first, retired ones only when `lifecycle` asks for them. Throws ApiError. */
export function listModels(index: ModelIndex, query: URLSearchParams): Page<ModelInfo> {
  // SDKs spell a repeated parameter `lifecycle[]=` or `lifecycle=`.
  const asked = [...query.getAll('lifecycle'), ...query.getAll('lifecycle[]')];
  const lifecycles = asked.length > 0 ? asked : ['active', 'deprecated'];
  const models = index.models.filter((spec) => lifecycles.includes(spec.lifecycle));
  return paginate(models.map(describe), query);
}

/** `GET /v1/models/{id}`, by id or alias. Throws ApiError. */
export function getModel(index: ModelIndex, id: string): ModelInfo {
  const spec = index.find(id);
  if (spec === undefined) throw notFound(`model: ${id}`);
  return describe(spec);
}
