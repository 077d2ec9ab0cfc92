import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { call, HELLO, post, start } from './client.ts';

let simulator: Simulator;

before(async () => {
  simulator = await start();
});
after(() => simulator.close());

async function refused(body: unknown, message: string | RegExp, headers: Record<string, string> = {}): Promise<void> {
  const answer = await post(simulator, body, headers);
  assert.equal(answer.status, 400, answer.text);
  const error = answer.error();
  assert.equal(error.type, 'invalid_request_error');
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  assert.equal(error.requestId, answer.headers.get('request-id'));
  assert.equal(answer.headers.get('x-should-retry'), 'false');
}

async function accepted(body: unknown, headers: Record<string, string> = {}): Promise<void> {
  const answer = await post(simulator, body, headers);
  assert.equal(answer.status, 200, answer.text);
}

const OLD = { 'anthropic-version': '2023-06-01' };
const USE = { type: 'tool_use', id: 'toolu_1', name: 't', input: {} };
const RESULT = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'ok' };
const TOOL = { name: 't', input_schema: { type: 'object' } };

function saying(...messages: readonly (readonly [role: string, content: unknown])[]): unknown {
  return { ...HELLO, messages: messages.map(([role, content]) => ({ role, content })) };
}

test('required fields, types and unknown fields are told with their paths', async () => {
  const { max_tokens: _, ...incomplete } = HELLO;
  await refused(incomplete, 'max_tokens: Field required');
  await refused({ ...HELLO, max_tokens: '5' }, 'max_tokens: Input should be a valid integer');
  await refused({ ...HELLO, max_tokens: -1 }, 'max_tokens: Input should be greater than or equal to 0');
  await refused({ ...HELLO, model: 7 }, 'model: Input should be a valid string');
  await refused({ ...HELLO, messages: {} }, 'messages: Input should be a valid list');
  await refused({ ...HELLO, stream: 'yes' }, 'stream: Input should be a valid boolean');
  await refused({ ...HELLO, x_unknown_field: {} }, 'x_unknown_field: Extra inputs are not permitted');
  await refused({ ...HELLO, service_tier: 'gold' }, "service_tier: Input should be 'auto' or 'standard_only'");
  await refused('[]', 'Input should be an object');
  await refused('{"model"', 'The request body is not valid JSON.');
  await refused(saying(['robot', 'x']), "messages.0.role: Input should be 'user', 'assistant' or 'system'");
  await refused({ ...HELLO, messages: [{ role: 'user' }] }, 'messages.0.content: Field required');
  await refused(saying(['user', [{ text: 'x' }]]), 'messages.0.content.0.type: Field required');
  await refused(saying(['user', [{ type: 'text' }]]), 'messages.0.content.0.text.text: Field required');
  await refused(
    saying(['user', [{ type: 'sound' }]]),
    /^messages\.0\.content\.0: Input tag 'sound' found using 'type'/,
  );
  await refused(
    saying(['user', [{ type: 'image', source: { type: 'base64', data: 'x', media_type: 'image/bmp' } }]]),
    /^messages\.0\.content\.0\.image\.source\.base64\.media_type: Input should be 'image\/jpeg'/,
  );
});

test('half a surrogate pair is refused, a whole one is not', async () => {
  const body = (text: string) => JSON.stringify(HELLO).replace('Hello', text);
  await refused(body('\\ud83d'), /no low surrogate in string/);
  await accepted(body('\\ud83d\\ude42'));
});

test('nulls are taken where the API takes them', async () => {
  await accepted({
    ...HELLO,
    cache_control: null,
    container: null,
    diagnostics: null,
    inference_geo: null,
    speed: null,
    output_config: { effort: null, format: null },
    metadata: { user_id: null },
    tools: [{ ...TOOL, type: null, eager_input_streaming: null }],
  });
  await refused({ ...HELLO, stream: null }, 'stream: Input should be a valid boolean');
});

test('version 2026-10-21 refuses what it removed, and 2023-06-01 still takes it', async () => {
  await refused({ ...HELLO, temperature: 1 }, 'temperature: Extra inputs are not permitted');
  await accepted({ ...HELLO, temperature: 1 }, OLD);
  await refused({ ...HELLO, temperature: 0.2 }, 'temperature: may only be set to 1 for this model', OLD);
  await accepted({ ...HELLO, model: 'claude-sonnet-4-6', temperature: 0.2, top_p: 0.9, top_k: 40 }, OLD);
  await refused({ ...HELLO, model: 'claude-sonnet-4-6', temperature: 2 }, 'temperature: range: 0..1', OLD);

  const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } };
  const told = saying(['user', 'x'], ['assistant', [document]], ['user', 'y']);
  await refused(told, 'messages.1.content.0: `document` blocks can only be in `user` messages');
  await accepted(told, OLD);

  const cited = saying(['user', [{ type: 'text', text: 'x', citations: [{ type: 'char_location' }] }]]);
  await refused(cited, 'messages.0.content.0.text.citations: Extra inputs are not permitted');
  await accepted(cited, OLD);
  await accepted(saying(['user', [{ ...document, citations: { enabled: true } }]]));
});

test('beta fields exist only with their beta, and unknown betas are refused', async () => {
  const body = { ...HELLO, context_management: { edits: [] } };
  await refused(body, 'context_management: Extra inputs are not permitted');
  await accepted(body, { 'anthropic-beta': 'compact-2026-01-12, context-management-2025-06-27' });
  await refused(HELLO, /^Unexpected value\(s\) `no-such-beta` for the `anthropic-beta` header/, {
    'anthropic-beta': 'no-such-beta',
  });
});

test('conversations begin with the user and hold something', async () => {
  await refused({ ...HELLO, messages: [] }, 'messages: at least one message is required');
  await refused(saying(['assistant', 'x'], ['user', 'y']), 'messages: first message must use the "user" role');
  await refused(saying(['user', '']), /^messages\.0: all messages must have non-empty content/);
  await refused(saying(['user', [{ type: 'text', text: '' }]]), 'messages: text content blocks must be non-empty');
  await accepted(saying(['user', 'x'], ['user', 'y'], ['assistant', 'z'], ['user', 'x']));
});

test('a last turn of the assistant is a prefill, which newer models refuse', async () => {
  const prefilled = saying(['user', 'x'], ['assistant', 'The answer is']);
  await refused(prefilled, /^This model does not support assistant message prefill/);
  await accepted({ ...Object(prefilled), model: 'claude-haiku-4-5' });
  await refused(
    { ...Object(saying(['user', 'x'], ['assistant', 'So '])), model: 'claude-haiku-4-5' },
    'messages: final assistant content cannot end with trailing whitespace',
  );
});

test('system messages have their place', async () => {
  await accepted(saying(['user', 'x'], ['system', 'y']));
  await accepted(saying(['user', 'x'], ['system', 'y'], ['assistant', 'z'], ['user', 'x']));
  await refused(saying(['system', 'y'], ['user', 'x']), /must follow a `user` message/);
  await refused(saying(['user', 'x'], ['system', 'y'], ['user', 'z']), /must be last or be followed by an `assistant`/);
});

test('every call of a tool has its one result, first in the next user message', async () => {
  const tools = { ...HELLO, tools: [TOOL] };
  const talk = (...turns: readonly (readonly [string, unknown])[]) => ({
    ...tools,
    ...Object(saying(['user', 'x'], ...turns)),
  });
  await accepted(talk(['assistant', [USE]], ['user', [RESULT]]));
  await accepted(talk(['assistant', [USE]], ['user', [RESULT, { type: 'text', text: 'and?' }]]));
  const unanswered =
    /^messages\.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1\./;
  await refused(talk(['assistant', [USE]], ['user', 'x']), unanswered);
  await refused(talk(['assistant', [USE]], ['user', [{ type: 'text', text: 'and?' }, RESULT]]), unanswered);
  await refused(talk(['assistant', [USE]]), /prefill|immediately after/);
  await refused(talk(['assistant', [USE]], ['user', [RESULT, RESULT]]), /each tool_use must have a single result/);
  await refused(
    talk(['assistant', 'y'], ['user', [RESULT]]),
    /^messages\.2\.content\.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1\./,
  );
  await refused(
    talk(['assistant', [USE, USE]], ['user', [RESULT]]),
    'messages.1.content.1: `tool_use` ids must be unique',
  );
  await refused(saying(['user', [USE]]), /`tool_use` blocks can only be in `assistant` messages/);
  await refused(saying(['user', 'x'], ['assistant', [RESULT]], ['user', 'y']), /can only be in `user` messages/);
});

test('tools and the choice among them must fit', async () => {
  await refused({ ...HELLO, tools: [{ name: 't' }] }, 'tools.0.custom.input_schema: Field required');
  await refused(
    { ...HELLO, tools: [{ ...TOOL, name: 'a b' }] },
    /^tools\.0\.custom\.name: String should match pattern/,
  );
  await refused({ ...HELLO, tools: [TOOL, TOOL] }, 'tools: Tool names must be unique.');
  await refused(
    { ...HELLO, tools: [{ type: 'bash_20250124', name: 'sh' }] },
    "tools.0.bash_20250124.name: Input should be 'bash'",
  );
  await refused(
    { ...HELLO, tool_choice: { type: 'auto' } },
    'tool_choice: may only be specified while providing tools',
  );
  const forced = { ...HELLO, tools: [TOOL], tool_choice: { type: 'tool', name: 'other' } };
  await refused({ ...forced, model: 'claude-haiku-5-5' }, "Tool 'other' not found in provided tools");
  await refused({ ...forced, tool_choice: { type: 'any' } }, /forced tool use is not supported by claude-opus-5-5/);
});

test('thinking must be of a type that the model has', async () => {
  const budgeted = { type: 'enabled', budget_tokens: 2_000 };
  const old = { ...HELLO, model: 'claude-haiku-4-5', max_tokens: 4_000 };
  await refused({ ...HELLO, thinking: budgeted }, '"thinking.type.enabled" is not supported for this model.');
  await refused({ ...HELLO, thinking: { type: 'disabled' } }, /"thinking.type.disabled" is not supported/);
  await accepted({ ...old, thinking: budgeted });
  await refused(
    { ...old, thinking: { ...budgeted, budget_tokens: 4_000 } },
    '`max_tokens` must be greater than `thinking.budget_tokens`',
  );
  await refused(
    { ...old, thinking: { ...budgeted, budget_tokens: 10 } },
    'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
  );
  await refused(
    { ...old, thinking: budgeted, tools: [TOOL], tool_choice: { type: 'any' } },
    'Thinking may not be enabled when tool_choice forces tool use.',
  );
});

test('thinking of another organization is refused', async () => {
  const asked = { ...HELLO, thinking: { type: 'adaptive' } };
  const answer = await post(simulator, asked);
  const content = answer.json()['content'];
  const next = {
    ...asked,
    messages: [...HELLO.messages, { role: 'assistant', content }, { role: 'user', content: 'x' }],
  };
  await accepted(next);
  await refused(next, 'messages.1.content.0: Invalid `signature` in `thinking` block', { 'x-api-key': 'sk-other' });
});

test('redacted thinking comes when it is provoked, and goes back only as it came', async () => {
  const trigger =
    'ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB';
  const asked = { ...HELLO, thinking: { type: 'adaptive' }, messages: [{ role: 'user', content: trigger }] };
  const content = (await post(simulator, asked)).json()['content'] as readonly { type: string; data?: string }[];
  const redacted = content.find((block) => block.type === 'redacted_thinking');
  assert(redacted?.data !== undefined);
  const replay = (blocks: unknown) => ({
    ...asked,
    messages: [...asked.messages, { role: 'assistant', content: blocks }, { role: 'user', content: 'x' }],
  });
  await accepted(replay(content));
  const forged = content.map((block) => (block === redacted ? { ...block, data: 'AAAA' } : block));
  await refused(replay(forged), 'messages.1.content.1: Invalid `data` in `redacted_thinking` block');
});

test('max_tokens stays within the model, and 0 means nothing but warming the cache', async () => {
  await refused(
    { ...HELLO, max_tokens: 128_001 },
    'max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens for claude-opus-5-5',
  );
  const warm = { ...HELLO, max_tokens: 0 };
  await accepted(warm);
  await refused({ ...warm, stream: true }, /^max_tokens: must be at least 1/);
  await refused({ ...warm, output_config: { format: { type: 'json_schema', schema: {} } } }, /^max_tokens: must be/);
  const choice = { tools: [TOOL], tool_choice: { type: 'any' }, model: 'claude-haiku-5-5' };
  await refused({ ...warm, ...choice }, /^max_tokens: must be at least 1/);
});

test('a prompt must fit the context window', async () => {
  await refused(
    { ...(saying(['user', 'x'.repeat(900_000)]) as object), model: 'claude-haiku-4-5' },
    /^prompt is too long: \d+ tokens > 200000 maximum$/,
  );
});

test('counting tokens takes a prompt and nothing else', async () => {
  const { max_tokens, ...prompt } = HELLO;
  const counted = await post(simulator, prompt, {}, '/v1/messages/count_tokens');
  assert.deepEqual(Object.keys(counted.json()), ['input_tokens']);
  const extra = await post(simulator, { ...prompt, max_tokens }, {}, '/v1/messages/count_tokens');
  assert.equal(extra.error().message, 'max_tokens: Extra inputs are not permitted');
});

test('unknown and retired models are not found', async () => {
  for (const model of ['claude-does-not-exist', 'claude-mythos-preview']) {
    const answer = await post(simulator, { ...HELLO, model });
    assert.equal(answer.status, 404);
    assert.deepEqual([answer.error().type, answer.error().message], ['not_found_error', `model: ${model}`]);
  }
});

test('a version and a key are required, and x-api-key wins over a bearer token', async () => {
  await using closed = await start({ apiKeys: [{ key: 'sk-good' }] });
  const send = async (headers: Record<string, string>) => {
    const response = await fetch(`${closed.url}/v1/messages`, { method: 'POST', headers, body: JSON.stringify(HELLO) });
    return `${response.status} ${(await response.text()).match(/"message":"([^"\\]*)/)?.[1] ?? 'fine'}`;
  };
  const version = { 'anthropic-version': '2026-10-21' };
  assert.equal(await send(version), '401 x-api-key header is required');
  assert.equal(await send({ ...version, 'x-api-key': 'sk-bad' }), '401 invalid x-api-key');
  assert.equal(await send({ ...version, authorization: 'Bearer sk-bad' }), '401 Invalid bearer token');
  assert.equal(await send({ ...version, authorization: 'Bearer sk-good' }), '200 fine');
  assert.equal(await send({ ...version, 'x-api-key': 'sk-good', authorization: 'Bearer sk-bad' }), '200 fine');
  assert.equal(
    await send({ ...version, 'x-api-key': 'sk-bad', authorization: 'Bearer sk-good' }),
    '401 invalid x-api-key',
  );
  assert.equal(await send({ 'x-api-key': 'sk-good' }), '400 anthropic-version: header is required');
  assert.match(await send({ 'x-api-key': 'sk-good', 'anthropic-version': '1999' }), /^400 anthropic-version: /);
});

test('unknown paths and methods are refused, query strings are not', async () => {
  assert.equal((await call(simulator, '/v1/nothing')).status, 404);
  assert.equal((await call(simulator, '/v1/messages')).status, 405);
  assert.equal(
    (await call(simulator, '/v1/models?limit=0')).error().message,
    'limit: Input should be greater than or equal to 1',
  );
  assert.equal((await call(simulator, '/v1/models?limit=1&after_id=nobody')).status, 400);
  assert.equal((await post(simulator, HELLO, {}, '/v1/messages?beta=true')).status, 200);
});

test('every answer says that it is simulated, and whose it is', async () => {
  for (const answer of [
    await post(simulator, HELLO),
    await post(simulator, { ...HELLO, stream: true }),
    await post(simulator, {}),
    await call(simulator, '/v1/nothing'),
  ]) {
    assert.equal(answer.headers.get('x-claude-relay-simulator'), 'true');
    assert.match(answer.headers.get('request-id') ?? '', /^req_/);
  }
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/;
  const headers = (await post(simulator, HELLO)).headers;
  assert.match(headers.get('anthropic-organization-id') ?? '', uuid);
  assert.match(headers.get('anthropic-workspace-id') ?? '', /^wrkspc_/);
});

test('what is no HTTP is refused by name too', async () => {
  const socket = connect(simulator.port, '127.0.0.1');
  socket.write('nonsense\r\n\r\n');
  assert.match(await readText(socket), /^HTTP\/1\.1 400 Bad Request\r\n[^]*x-claude-relay-simulator: true\r\n/);
});
