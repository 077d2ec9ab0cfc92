import { type ApiError, invalidRequest, notFound } from '../api-error.ts';
import type { ModelIndex, ModelSpec } from '../models/catalogue.ts';
import type { MessagesRequest, PromptRequest } from '../request.ts';
import type { ThinkingSigner } from '../signature.ts';
import { EXTRA, isObject, type Problem, REQUIRED, within } from './check.ts';
import { checkConversation } from './conversation.ts';
import { type ApiVersion, type BodyKind, fieldCheck, requiredFields } from './fields.ts';
import { checkForModel, checkPromptForModel } from './model-rules.ts';
import { checkThinkingBlocks } from './thinking.ts';

/** What a body is judged with besides itself. */
export interface ValidationContext {
  readonly version: ApiVersion;
  readonly betas: readonly string[];
  readonly organization: string;
  readonly models: ModelIndex;
  readonly signer: ThinkingSigner;
}

/** A body that passed, and the model it names. */
export interface Validated<Body> {
  readonly request: Body;
  readonly model: ModelSpec;
}

function refusal(found: Problem): ApiError {
  return invalidRequest(found.path === '' ? found.message : `${found.path}: ${found.message}`);
}

function checkFields(body: Readonly<Record<string, unknown>>, kind: BodyKind, context: ValidationContext): void {
  for (const name of requiredFields(kind)) {
    if (body[name] === undefined) throw invalidRequest(`${name}: ${REQUIRED.message}`);
  }
  for (const name in body) {
    const check = fieldCheck(name, kind, context.version, context.betas);
    const found = within(name, check === undefined ? EXTRA : check(body[name]));
    if (found !== undefined) throw refusal(found);
  }
}

function findModel(models: ModelIndex, name: string): ModelSpec {
  const model = models.find(name);
  if (model === undefined || model.lifecycle === 'retired') throw notFound(`model: ${name}`);
  return model;
}

function continuesThread(request: PromptRequest): boolean {
  return isObject(request.thread) && request.thread['type'] === 'continue';
}

function validate<Body extends PromptRequest>(
  body: unknown,
  kind: BodyKind,
  context: ValidationContext,
): Validated<Body> {
  if (!isObject(body)) throw invalidRequest('Input should be an object');
  checkFields(body, kind, context);
  // The checks above have just established this shape.
  const request = body as unknown as Body;
  const model = findModel(context.models, request.model);
  checkConversation(request.messages, { version: context.version, continues: continuesThread(request) });
  checkThinkingBlocks(request.messages, context.organization, context.signer);
  return { request, model };
}

/** Reads the parsed body of `POST /v1/messages`. Throws ApiError. */
export function validateMessages(body: unknown, context: ValidationContext): Validated<MessagesRequest> {
  const validated = validate<MessagesRequest>(body, 'create', context);
  checkForModel(validated.request, validated.model);
  return validated;
}

/** Reads the parsed body of `POST /v1/messages/count_tokens`. Throws ApiError. */
export function validateCountTokens(body: unknown, context: ValidationContext): Validated<PromptRequest> {
  const validated = validate<PromptRequest>(body, 'count_tokens', context);
  checkPromptForModel(validated.request, validated.model);
  return validated;
}
