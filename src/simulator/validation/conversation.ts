/** What roles may hold, and in which order: the rules on messages that no single message can show (reference 1.2). */
import { invalidRequest } from '../api-error.ts';
import type { RequestBlock, RequestMessage } from '../request.ts';
import { blocksOf } from '../request.ts';
import type { ApiVersion } from './fields.ts';
import { isObject } from './check.ts';

const ONLY_IN_ASSISTANT = new Set(['tool_use', 'thinking', 'redacted_thinking', 'server_tool_use']);
const ONLY_IN_USER = new Set(['tool_result', 'image', 'container_upload', 'search_result']);
const IN_SYSTEM = new Set(['text', 'tool_addition', 'tool_removal']);

function checkKind(block: RequestBlock, role: RequestMessage['role'], path: string, version: ApiVersion): void {
  const { type } = block;
  if (role === 'system' && !IN_SYSTEM.has(type)) {
    throw invalidRequest(`${path}: \`${type}\` blocks cannot be in \`system\` messages`);
  }
  if (role === 'user' && ONLY_IN_ASSISTANT.has(type)) {
    throw invalidRequest(`${path}: \`${type}\` blocks can only be in \`assistant\` messages`);
  }
  if (role === 'assistant') {
    // Documents were tolerated in assistant messages until 2026-10-21.
    if (ONLY_IN_USER.has(type) || (type === 'document' && version === '2026-10-21')) {
      throw invalidRequest(`${path}: \`${type}\` blocks can only be in \`user\` messages`);
    }
  }
}

function hasCitations(block: unknown): boolean {
  return isObject(block) && Array.isArray(block['citations']) && block['citations'].length > 0;
}

/** Since 2026-10-21 only assistants cite, and no user text does, nor one within a search result. */
function checkUserCitations(block: RequestBlock, path: string): void {
  if (block.type === 'text' && hasCitations(block)) {
    throw invalidRequest(`${path}.text.citations: Extra inputs are not permitted`);
  }
  if (block.type !== 'search_result' || !Array.isArray(block.content)) return;
  const cited = block.content.findIndex(hasCitations);
  if (cited !== -1) {
    throw invalidRequest(`${path}.search_result.content.${cited}.citations: Extra inputs are not permitted`);
  }
}

function checkContent(message: RequestMessage, index: number, isLast: boolean, version: ApiVersion): void {
  const { role, content } = message;
  if (content === undefined) return;
  if (content.length === 0 && !(isLast && role === 'assistant')) {
    throw invalidRequest(
      `messages.${index}: all messages must have non-empty content except for the optional final assistant message`,
    );
  }
  if (typeof content === 'string') return;
  for (let position = 0; position < content.length; position++) {
    const block = content[position];
    if (block === undefined) continue;
    const path = `messages.${index}.content.${position}`;
    checkKind(block, role, path, version);
    if (block.type === 'text' && block.text === '') {
      throw invalidRequest('messages: text content blocks must be non-empty');
    }
    if (role === 'user' && version === '2026-10-21') checkUserCitations(block, path);
  }
}

/** A run of messages of one role, which the API treats as one turn. */
interface Turn {
  readonly role: RequestMessage['role'];
  /** Index of its first message. */
  readonly index: number;
  readonly blocks: { readonly block: RequestBlock; readonly path: string }[];
}

function mergeTurns(messages: readonly RequestMessage[]): readonly Turn[] {
  const turns: Turn[] = [];
  messages.forEach((message, index) => {
    let turn = turns.at(-1);
    if (turn?.role !== message.role) {
      turn = { role: message.role, index, blocks: [] };
      turns.push(turn);
    }
    const blocks = blocksOf(message.content);
    for (let position = 0; position < blocks.length; position++) {
      const block = blocks[position];
      if (block !== undefined) turn.blocks.push({ block, path: `messages.${index}.content.${position}` });
    }
  });
  return turns;
}

function checkOrder(turns: readonly Turn[]): void {
  const first = turns[0];
  if (first === undefined) throw invalidRequest('messages: at least one message is required');
  if (first.role === 'assistant' && first.blocks[0]?.block.type !== 'compaction') {
    throw invalidRequest('messages: first message must use the "user" role');
  }
  turns.forEach((turn, position) => {
    if (turn.role !== 'system') return;
    const before = turns[position - 1];
    const after = turns[position + 1];
    const follows =
      before?.role === 'user' || (before?.role === 'assistant' && endsInServerToolResult(before.blocks.at(-1)?.block));
    if (!follows) throw invalidRequest(`messages.${turn.index}: \`system\` messages must follow a \`user\` message`);
    if (after !== undefined && after.role !== 'assistant') {
      throw invalidRequest(
        `messages.${turn.index}: \`system\` messages must be last or be followed by an \`assistant\` message`,
      );
    }
  });
}

function endsInServerToolResult(block: RequestBlock | undefined): boolean {
  return block !== undefined && block.type.endsWith('_tool_result');
}

function checkResults(turn: Turn, awaited: ReadonlySet<string>): ReadonlySet<string> {
  const answered = new Set<string>();
  let leading = true;
  for (const { block, path } of turn.blocks) {
    if (block.type !== 'tool_result' || block.tool_use_id === undefined) {
      leading = false;
      continue;
    }
    const id = block.tool_use_id;
    if (!awaited.has(id)) {
      throw invalidRequest(
        `${path}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    if (answered.has(id)) {
      throw invalidRequest(
        `${path}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`,
      );
    }
    // Results behind other content do not count as coming immediately after their calls.
    if (leading) answered.add(id);
  }
  return answered;
}

function checkToolPairing(turns: readonly Turn[]): void {
  const seen = new Set<string>();
  let awaited: ReadonlySet<string> = new Set();
  let askedAt = 0;
  const refuseUnanswered = (answered: ReadonlySet<string>): void => {
    const missing = [...awaited].filter((id) => !answered.has(id));
    if (missing.length === 0) return;
    throw invalidRequest(
      `messages.${askedAt}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
    );
  };
  for (const turn of turns) {
    refuseUnanswered(turn.role === 'user' ? checkResults(turn, awaited) : new Set());
    const asked = new Set<string>();
    for (const { block, path } of turn.blocks) {
      if (block.type !== 'tool_use' || block.id === undefined) continue;
      if (seen.has(block.id)) throw invalidRequest(`${path}: \`tool_use\` ids must be unique`);
      seen.add(block.id);
      asked.add(block.id);
    }
    awaited = asked;
    askedAt = turn.index;
  }
  refuseUnanswered(new Set());
}

/** What a conversation is judged with. */
export interface ConversationRules {
  readonly version: ApiVersion;
  /** Whether the first turn may refer to what came before it (a thread that goes on). */
  readonly continues: boolean;
}

/** Throws ApiError for a conversation that breaks the rules. */
export function checkConversation(messages: readonly RequestMessage[], rules: ConversationRules): void {
  messages.forEach((message, index) => {
    checkContent(message, index, index === messages.length - 1, rules.version);
  });
  const turns = mergeTurns(messages);
  checkOrder(turns);
  if (!rules.continues) checkToolPairing(turns);
}
