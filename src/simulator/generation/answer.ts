/** Makes up answers: the same for the same request, organization and options. */
import { integerBetween, type Random, randomFrom } from '../random.ts';
import type { ModelSpec } from '../models/catalogue.ts';
import type { MessagesRequest } from '../request.ts';
import { blocksOf } from '../request.ts';
import type { ThinkingSigner } from '../signature.ts';
import type { Range } from '../spec.ts';
import { forcesToolUse } from '../validation/model-rules.ts';
import { sampleSchema } from './schema-sample.ts';
import { chooseToolCalls, type ToolCall } from './tool-calls.ts';
import { proseTokens, textTokens } from './words.ts';

/** A block of text; its tokens joined are the text. */
export interface TextAnswer {
  readonly kind: 'text';
  readonly tokens: readonly string[];
}

/** A thinking block; `shown` is false where only the signature goes out. */
export interface ThinkingAnswer {
  readonly kind: 'thinking';
  readonly tokens: readonly string[];
  readonly shown: boolean;
  readonly signature: string;
}

/** A thinking block that nobody may read; `data` is opaque. */
export interface RedactedAnswer {
  readonly kind: 'redacted_thinking';
  readonly data: string;
}

/** A call of a tool; its tokens joined are the JSON of its input, cut short where `max_tokens` was reached. */
export interface ToolUseAnswer {
  readonly kind: 'tool_use';
  readonly id: string;
  readonly name: string;
  readonly toolsetName: string | undefined;
  readonly tokens: readonly string[];
  /** `{}` when the JSON was cut short. */
  readonly input: unknown;
}

/** Any block of an answer. */
export type AnswerBlock = TextAnswer | ThinkingAnswer | RedactedAnswer | ToolUseAnswer;

/** A whole answer, before it is spelled as JSON or as events. */
export interface Answer {
  readonly blocks: readonly AnswerBlock[];
  readonly stopReason: 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use';
  readonly stopSequence: string | null;
  /** All tokens, thinking included. */
  readonly outputTokens: number;
  readonly thinkingTokens: number;
}

/** What answers are made from besides the request. */
export interface GenerationContext {
  readonly model: ModelSpec;
  readonly organization: string;
  readonly outputTokens: Range;
  readonly signer: ThinkingSigner;
}

/** A prompt that holds this gets a redacted thinking block: the test string of the API's thinking documentation. */
const REDACTION_TRIGGER =
  'ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB';

const SHORTEST_THINKING = 8;
const LONGEST_THINKING = 48;
const PREAMBLE_TOKENS = 7;
const FIRST_WITH_OMITTED_THINKING = 4.7;
const ID_LENGTH = 22;

/** Gives out output tokens until `max_tokens` is reached. */
class TokenBudget {
  left: number;
  exhausted = false;

  constructor(maximum: number) {
    this.left = maximum;
  }

  /** As many of the tokens as there is room for. */
  take(tokens: readonly string[]): readonly string[] {
    if (tokens.length <= this.left) {
      this.left -= tokens.length;
      return tokens;
    }
    const fitting = tokens.slice(0, this.left);
    this.left = 0;
    this.exhausted = true;
    return fitting;
  }
}

function thinks(request: MessagesRequest): boolean {
  switch (request.thinking?.type) {
    case 'adaptive':
    case 'enabled':
      return true;
    case 'between_tools':
      return blocksOf(request.messages.at(-1)?.content).some((block) => block.type === 'tool_result');
    default:
      return false;
  }
}

function showsThinking(request: MessagesRequest, model: ModelSpec): boolean {
  const display = request.thinking?.display ?? null;
  return display === null ? model.generation < FIRST_WITH_OMITTED_THINKING : display !== 'omitted';
}

function think(
  request: MessagesRequest,
  digest: string,
  random: Random,
  budget: TokenBudget,
  context: GenerationContext,
): readonly AnswerBlock[] {
  const { signer, organization } = context;
  const length = integerBetween(random, SHORTEST_THINKING, LONGEST_THINKING);
  const tokens = budget.take(proseTokens(random, Math.min(length, request.thinking?.budget_tokens ?? length)));
  const shown = showsThinking(request, context.model);
  const signature = signer.sign(organization, digest, shown ? tokens.join('') : '');
  const thinking: ThinkingAnswer = { kind: 'thinking', tokens, shown, signature };
  const asked = blocksOf(request.messages.at(-1)?.content).some((block) => block.text?.includes(REDACTION_TRIGGER));
  return asked ? [thinking, { kind: 'redacted_thinking', data: signer.redact(organization, digest) }] : [thinking];
}

/** The stop sequence that comes first in the text, and where. */
function findStop(text: string, sequences: readonly string[]): { at: number; sequence: string } | undefined {
  let first: { at: number; sequence: string } | undefined;
  for (const sequence of sequences) {
    const at = sequence === '' ? -1 : text.indexOf(sequence);
    if (at !== -1 && (first === undefined || at < first.at)) first = { at, sequence };
  }
  return first;
}

/** The tokens up to a position of their text, the last one cut where it must be. */
function cutTokens(tokens: readonly string[], length: number): readonly string[] {
  const kept: string[] = [];
  let left = length;
  for (const token of tokens) {
    if (left <= 0) break;
    kept.push(token.slice(0, left));
    left -= token.length;
  }
  return kept;
}

/** What the model says before it calls a tool of its own accord. */
function preamble(random: Random): readonly string[] {
  return proseTokens(random, PREAMBLE_TOKENS);
}

function answerTokens(request: MessagesRequest, random: Random, context: GenerationContext): readonly string[] {
  const schema = request.output_config?.format?.schema;
  if (schema !== undefined) return textTokens(JSON.stringify(sampleSchema(schema, random)));
  return proseTokens(random, integerBetween(random, context.outputTokens.from, context.outputTokens.to));
}

function callTools(calls: readonly ToolCall[], digest: string, budget: TokenBudget): readonly AnswerBlock[] {
  const blocks: AnswerBlock[] = [];
  calls.forEach((call, index) => {
    if (budget.exhausted) return;
    const tokens = budget.take(textTokens(JSON.stringify(call.input)));
    blocks.push({
      kind: 'tool_use',
      id: `toolu_01${digest.slice(index, index + ID_LENGTH)}`,
      name: call.name,
      toolsetName: call.toolsetName,
      tokens,
      input: budget.exhausted ? {} : call.input,
    });
  });
  return blocks;
}

function countTokens(blocks: readonly AnswerBlock[], kind?: AnswerBlock['kind']): number {
  let tokens = 0;
  for (const block of blocks) {
    if ('tokens' in block && (kind === undefined || block.kind === kind)) tokens += block.tokens.length;
  }
  return tokens;
}

function finish(
  blocks: readonly AnswerBlock[],
  stopReason: Answer['stopReason'],
  stopSequence: string | null = null,
): Answer {
  return {
    blocks: blocks.filter((block) => block.kind !== 'text' || block.tokens.length > 0),
    stopReason,
    stopSequence,
    // Billed output is never 0, not even of an empty answer (reference 2.4).
    outputTokens: Math.max(1, countTokens(blocks)),
    thinkingTokens: countTokens(blocks, 'thinking'),
  };
}

/** The answer to `max_tokens: 0`, which only warms the prompt cache. */
const CACHE_WARMED: Answer = {
  blocks: [],
  stopReason: 'max_tokens',
  stopSequence: null,
  outputTokens: 0,
  thinkingTokens: 0,
};

/** Makes up the answer. `digest` is 64 hexadecimal digits that stand for the request. */
export function generateAnswer(request: MessagesRequest, digest: string, context: GenerationContext): Answer {
  if (request.max_tokens === 0) return CACHE_WARMED;
  const random = randomFrom(Number.parseInt(digest.slice(0, 8), 16));
  const budget = new TokenBudget(request.max_tokens);
  const thought = thinks(request) ? think(request, digest, random, budget, context) : [];
  if (budget.exhausted) return finish(thought, 'max_tokens');
  const calls = chooseToolCalls(request, random);
  const said = budget.take(
    calls.length === 0 ? answerTokens(request, random, context) : forcesToolUse(request) ? [] : preamble(random),
  );
  const stop = findStop(said.join(''), request.stop_sequences ?? []);
  if (stop !== undefined) {
    const text: TextAnswer = { kind: 'text', tokens: cutTokens(said, stop.at) };
    return finish([...thought, text], 'stop_sequence', stop.sequence);
  }
  const blocks = [...thought, { kind: 'text', tokens: said } as const, ...callTools(calls, digest, budget)];
  if (budget.exhausted) return finish(blocks, 'max_tokens');
  return finish(blocks, calls.length > 0 ? 'tool_use' : 'end_turn');
}
