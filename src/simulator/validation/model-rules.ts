/** What depends on the model: reference 1.1, 1.2, 1.7, 1.8 and 7.3. */
import { invalidRequest } from '../api-error.ts';
import type { ModelSpec } from '../models/catalogue.ts';
import type { MessagesRequest, PromptRequest } from '../request.ts';
import { blocksOf } from '../request.ts';

const FIRST_WITHOUT_PREFILL = 4.6;
const LAST_WITH_FREE_SAMPLING = 4.6;
const FIRST_WITH_GEOGRAPHY = 4.6;
const FIRST_WITH_ALWAYS_THINKING_AT_TOP_EFFORT = 5;

/** Whether the choice leaves the model no way but to call a tool. */
export function forcesToolUse(request: PromptRequest): boolean {
  return request.tool_choice?.type === 'any' || request.tool_choice?.type === 'tool';
}

function checkToolChoice(request: PromptRequest, model: ModelSpec): void {
  const choice = request.tool_choice;
  const names = (request.tools ?? []).flatMap((tool) => tool.name ?? []);
  if (new Set(names).size < names.length) throw invalidRequest('tools: Tool names must be unique.');
  if (choice === undefined) return;
  if (request.tools === undefined || request.tools.length === 0) {
    throw invalidRequest('tool_choice: may only be specified while providing tools');
  }
  if (choice.type === 'tool' && !names.includes(choice.name ?? '')) {
    throw invalidRequest(`Tool '${choice.name}' not found in provided tools`);
  }
  if (!forcesToolUse(request)) return;
  if (!model.forcedToolUse) throw invalidRequest(`tool_choice: forced tool use is not supported by ${model.id}`);
  if (request.thinking?.type === 'enabled') {
    throw invalidRequest('Thinking may not be enabled when tool_choice forces tool use.');
  }
}

function checkThinkingType(request: PromptRequest, model: ModelSpec): void {
  const type = request.thinking?.type;
  if (type === undefined) return;
  if (!model.thinking[type]) throw invalidRequest(`"thinking.type.${type}" is not supported for this model.`);
  const effort = request.output_config?.effort;
  if (
    type === 'disabled' &&
    (effort === 'xhigh' || effort === 'max') &&
    model.line === 'opus' &&
    model.generation >= FIRST_WITH_ALWAYS_THINKING_AT_TOP_EFFORT
  ) {
    throw invalidRequest(`"thinking.type.disabled" is not supported at effort "${effort}".`);
  }
}

/** A last turn of the assistant is a prefill, which newer models do not continue. */
function checkPrefill(request: PromptRequest, model: ModelSpec): void {
  const last = request.messages.at(-1);
  if (last?.role !== 'assistant' || request.compaction !== undefined) return;
  if (model.generation >= FIRST_WITHOUT_PREFILL) {
    throw invalidRequest(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
  if (/\s$/.test(blocksOf(last.content).at(-1)?.text ?? '')) {
    throw invalidRequest('messages: final assistant content cannot end with trailing whitespace');
  }
}

function checkSampling(request: MessagesRequest, model: ModelSpec): void {
  if (model.generation <= LAST_WITH_FREE_SAMPLING) return;
  if (request.temperature !== undefined && request.temperature !== 1) {
    throw invalidRequest('temperature: may only be set to 1 for this model');
  }
  if (request.top_p !== undefined && request.top_p < 0.99) {
    throw invalidRequest('top_p: must be greater than or equal to 0.99 for this model');
  }
  if (request.top_k !== undefined) throw invalidRequest('top_k: may not be set for this model');
}

/** `max_tokens: 0` only warms the prompt cache. */
function checkCacheWarming(request: MessagesRequest): void {
  if (request.stream === true) throw invalidRequest('max_tokens: must be at least 1 when `stream` is true');
  if (request.thinking?.type === 'enabled') {
    throw invalidRequest('max_tokens: must be at least 1 when thinking is enabled');
  }
  if (request.output_config?.format) {
    throw invalidRequest('max_tokens: must be at least 1 with `output_config.format`');
  }
  if (forcesToolUse(request)) throw invalidRequest('max_tokens: must be at least 1 when tool_choice forces tool use');
}

/** The rules that token counting shares. Throws ApiError. */
export function checkPromptForModel(request: PromptRequest, model: ModelSpec): void {
  checkToolChoice(request, model);
  checkThinkingType(request, model);
}

/** All rules for an answer. Throws ApiError. */
export function checkForModel(request: MessagesRequest, model: ModelSpec): void {
  checkPromptForModel(request, model);
  checkPrefill(request, model);
  checkSampling(request, model);
  if (request.max_tokens > model.maxTokens) {
    throw invalidRequest(
      `max_tokens: ${request.max_tokens} > ${model.maxTokens}, which is the maximum allowed number of output tokens for ${model.id}`,
    );
  }
  if (request.max_tokens === 0) checkCacheWarming(request);
  if (request.thinking?.type === 'enabled' && (request.thinking.budget_tokens ?? 0) >= request.max_tokens) {
    throw invalidRequest('`max_tokens` must be greater than `thinking.budget_tokens`');
  }
  if (request.inference_geo != null && model.generation < FIRST_WITH_GEOGRAPHY) {
    throw invalidRequest('inference_geo: not supported for this model');
  }
}
