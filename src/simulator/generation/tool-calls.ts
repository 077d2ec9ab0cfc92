/** Which tools an answer calls, and with what. */
import { pick, type Random } from '../random.ts';
import type { PromptRequest, RequestTool } from '../request.ts';
import { blocksOf } from '../request.ts';
import { isCustomTool } from '../validation/tools.ts';
import { sampleSchema } from './schema-sample.ts';

/** A call of a tool that the client runs. */
export interface ToolCall {
  readonly name: string;
  readonly toolsetName: string | undefined;
  readonly input: unknown;
}

/** Plausible calls of the API's own tools that run at the client, by the start of their `type`. */
const PREDEFINED: readonly (readonly [prefix: string, call: ToolCall])[] = [
  ['bash_', { name: 'bash', toolsetName: undefined, input: { command: 'ls -la' } }],
  ['text_editor_2025042', editor('str_replace_based_edit_tool')],
  ['text_editor_2025072', editor('str_replace_based_edit_tool')],
  ['text_editor_', editor('str_replace_editor')],
  ['memory_', { name: 'memory', toolsetName: undefined, input: { command: 'view', path: '/memories' } }],
  ['computer_toolset_', { name: 'screenshot', toolsetName: 'computer', input: {} }],
  ['browser_toolset_', { name: 'navigate', toolsetName: 'browser', input: { url: 'https://example.com' } }],
  ['computer_', { name: 'computer', toolsetName: undefined, input: { action: 'screenshot' } }],
];

function editor(name: string): ToolCall {
  return { name, toolsetName: undefined, input: { command: 'view', path: '/repo/README.md' } };
}

/** Whether the model may call the tool by itself, and the client would run it. */
function isCallable(tool: RequestTool): boolean {
  if (tool.defer_loading === true) return false;
  if (tool.allowed_callers !== undefined && !tool.allowed_callers.includes('direct')) return false;
  return isCustomTool(tool) || PREDEFINED.some(([prefix]) => tool.type?.startsWith(prefix));
}

function callOf(tool: RequestTool, random: Random): ToolCall | undefined {
  if (isCustomTool(tool)) {
    return { name: tool.name ?? '', toolsetName: undefined, input: sampleSchema(tool.input_schema ?? {}, random) };
  }
  return PREDEFINED.find(([prefix]) => tool.type?.startsWith(prefix))?.[1];
}

function justGotResults(request: PromptRequest): boolean {
  const last = request.messages.findLast((message) => message.role !== 'system');
  return blocksOf(last?.content).some((block) => block.type === 'tool_result');
}

const SECOND_CALL_RATE = 0.25;

/**
 * The calls an answer makes: none without tools that the client runs, with `tool_choice: none`, or, left the choice,
 * right after results came in. One call, now and then two where several tools may be called in parallel.
 */
export function chooseToolCalls(request: PromptRequest, random: Random): readonly ToolCall[] {
  const choice = request.tool_choice ?? { type: 'auto' };
  if (choice.type === 'none' || (choice.type === 'auto' && justGotResults(request))) return [];
  if (choice.type === 'tool') {
    const named = request.tools?.find((tool) => tool.name === choice.name);
    const call = named && callOf(named, random);
    return call === undefined ? [] : [call];
  }
  const candidates = (request.tools ?? []).filter(isCallable);
  if (candidates.length === 0) return [];
  const chosen = [pick(random, candidates)];
  const parallel = choice.disable_parallel_tool_use !== true && candidates.length > 1;
  if (parallel && random() < SECOND_CALL_RATE) chosen.push(pick(random, candidates));
  return chosen.flatMap((tool) => callOf(tool, random) ?? []);
}
