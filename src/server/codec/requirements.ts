import { entries } from '../../completion/json.ts';
import type { FieldPlan, FieldTexts, MessagePlan } from './plan.ts';
import { RequestViolation, withThrown } from './violation.ts';

/** What is wrong with the JSON text of a field (undefined: it was not sent), and what to do about it. */
type Rule = (text: string | undefined) => string | undefined;

/**
 * What a request must have before it is worth an upstream call. Everything else is the upstream's to judge: its rules
 * change by model and by day.
 */
const RULES: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  CompleteRequest: { model, max_tokens: maxTokens, messages, extra: withoutStream },
  CountTokensRequest: { model, messages, extra: withoutStream },
  ListModelsRequest: { limit: pageSize },
  MessageParam: { role },
  ToolUseBlock: { input: toolInput },
  ServerToolUseBlock: { input: toolInput },
  CustomTool: { input_schema: schema },
  JsonSchemaFormat: { schema },
};

/** Model ids name metrics, limits and prices; none is nearly as long. */
const MAX_MODEL_LENGTH = 256;

/** The rules of all messages, by the plans of these. */
export class Requirements {
  private readonly rules = new Map<MessagePlan, readonly (readonly [FieldPlan, Rule])[]>();

  constructor(plans: Iterable<MessagePlan>) {
    for (const plan of plans) {
      const rules = Object.entries(RULES[plan.name] ?? {}).map(([name, rule]): [FieldPlan, Rule] => {
        const field = plan.byName.get(name);
        if (field === undefined) throw new Error(`the proto has no ${plan.name}.${name}`);
        return [field, rule];
      });
      if (rules.length > 0) this.rules.set(plan, rules);
    }
  }

  /**
   * Adds the rules that a message breaks to what was found wrong in reading it; undefined where nothing is. Throws where
   * that is too much. Of a field that could not be read the rules say nothing.
   */
  check(plan: MessagePlan, texts: FieldTexts, read: RequestViolation | undefined): RequestViolation | undefined {
    const rules = this.rules.get(plan);
    if (rules === undefined) return read;
    let found = read;
    for (const [field, rule] of rules) {
      const description = rule(texts[field.index]);
      if (description === undefined || found?.isIn(field.name) === true) continue;
      found = withThrown(found, new RequestViolation(description).under(field.name));
    }
    return found;
  }
}

/** Asks for nothing: for messages that are no requests. */
export const NO_REQUIREMENTS = new Requirements([]);

function model(text: string | undefined): string | undefined {
  if (text === undefined || text === '""') return 'is missing; set the id of a model, see ListModels';
  return text.length > MAX_MODEL_LENGTH ? `is longer than any model's id; see ListModels` : undefined;
}

function maxTokens(text: string | undefined): string | undefined {
  if (text === undefined) {
    return 'is missing; set the largest number of tokens to write (0 only fills the prompt cache)';
  }
  return text.startsWith('-') ? `is ${text}; it must be 0 or more` : undefined;
}

function messages(text: string | undefined): string | undefined {
  return text === undefined ? 'is empty; add at least one turn' : undefined;
}

function role(text: string | undefined): string | undefined {
  return text === undefined || text === '""' ? 'is missing; set user or assistant' : undefined;
}

function toolInput(text: string | undefined): string | undefined {
  if (text === undefined || isObject(text)) return undefined;
  return 'is no JSON object; a tool call that the model did not finish cannot be sent back, leave it out';
}

function schema(text: string | undefined): string | undefined {
  return text === undefined || isObject(text)
    ? undefined
    : 'is no JSON object; set {"type":"object"} for no parameters';
}

function withoutStream(text: string | undefined): string | undefined {
  if (text === undefined || !isObject(text)) return undefined;
  const says = entries(text).some(([key]) => key === 'stream');
  return says ? 'says "stream"; call CompleteStream to get the answer as it is written' : undefined;
}

function pageSize(text: string | undefined): string | undefined {
  if (text === undefined || (Number(text) >= 1 && Number(text) <= 1000)) return undefined;
  return `is ${text}; it must be from 1 to 1000`;
}

/** Whether a text, known to be JSON, is an object. */
function isObject(json: string): boolean {
  return json.trimStart().startsWith('{');
}
