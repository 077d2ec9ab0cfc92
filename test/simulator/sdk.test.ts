import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic, {
  APIConnectionError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from '@anthropic-ai/sdk';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { HELLO, start } from './client.ts';

let simulator: Simulator;
let client: Anthropic;

before(async () => {
  simulator = await start({ apiKeys: [{ key: 'sk-good' }], batchDuration: 0 });
  client = new Anthropic({ apiKey: 'sk-good', baseURL: simulator.url, maxRetries: 0 });
});
after(() => simulator.close());

const WEATHER: Anthropic.Tool = {
  name: 'get_weather',
  input_schema: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      unit: { enum: ['celsius', 'fahrenheit'] },
      days: { type: 'integer', minimum: 1 },
    },
    required: ['city', 'unit'],
  },
};

test('the SDK gets a message', async () => {
  const message = await client.messages.create(HELLO);
  assert.equal(message.type, 'message');
  assert.equal(message.role, 'assistant');
  assert.equal(message.model, HELLO.model);
  assert.equal(message.stop_reason, 'end_turn');
  assert.equal(message.content[0]?.type, 'text');
  assert.match(message._request_id ?? '', /^req_/);
});

test('the SDK accumulates a stream to the message it would have got whole', async () => {
  const { id: _whole, ...whole } = await client.messages.create(HELLO);
  const { id: _streamed, parsed_output: _parsed, ...streamed } = await client.messages.stream(HELLO).finalMessage();
  assert.deepEqual(streamed, whole);
});

test('a tool is called with an input of its schema, and its result is answered in text', async () => {
  const asked = { ...HELLO, tools: [WEATHER] };
  const called = await client.messages.stream(asked).finalMessage();
  assert.equal(called.stop_reason, 'tool_use');
  const use = called.content.find((block) => block.type === 'tool_use');
  assert(use !== undefined);
  assert.equal(use.name, 'get_weather');
  const input = use.input as { city: unknown; unit: unknown };
  assert.equal(typeof input.city, 'string');
  assert(['celsius', 'fahrenheit'].includes(String(input.unit)));

  const answered = await client.messages.create({
    ...asked,
    messages: [
      ...HELLO.messages,
      { role: 'assistant', content: called.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: '2 C, snow' }] },
    ],
  });
  assert.equal(answered.stop_reason, 'end_turn');
  assert.deepEqual(
    answered.content.map((block) => block.type),
    ['text'],
  );
});

test('tool_choice is obeyed', async () => {
  const other: Anthropic.Tool = { ...WEATHER, name: 'other' };
  const asked = { ...HELLO, model: 'claude-haiku-5-5', tools: [WEATHER, other] };
  const forced = await client.messages.create({ ...asked, tool_choice: { type: 'tool', name: 'other' } });
  assert.deepEqual(
    forced.content.map((block) => (block.type === 'tool_use' ? block.name : block.type)),
    ['other'],
  );
  const none = await client.messages.create({ ...asked, tool_choice: { type: 'none' } });
  assert.equal(none.stop_reason, 'end_turn');
  const single = await client.messages.create({
    ...asked,
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
  });
  assert.deepEqual(
    single.content.map((block) => block.type),
    ['tool_use'],
  );
});

test('thinking comes signed, goes back unharmed, and is refused when it was altered', async () => {
  const asked = { ...HELLO, thinking: { type: 'adaptive', display: 'summarized' } as const };
  const message = await client.messages.stream(asked).finalMessage();
  const [thinking] = message.content;
  assert(thinking?.type === 'thinking');
  assert(thinking.thinking.length > 0 && thinking.signature.length > 0);
  assert((message.usage.output_tokens_details?.thinking_tokens ?? 0) > 0);

  const goOn = (content: Anthropic.ContentBlockParam[]) =>
    client.messages.create({
      ...asked,
      messages: [...HELLO.messages, { role: 'assistant', content }, { role: 'user', content: 'Go on.' }],
    });
  await goOn(message.content);
  const rest = message.content.slice(1);
  await assert.rejects(goOn([{ ...thinking, thinking: 'Something else.' }, ...rest]), /cannot be modified/);
  const forged = `${thinking.signature.slice(0, -8)}AAAAAAA=`;
  await assert.rejects(goOn([{ ...thinking, signature: forged }, ...rest]), BadRequestError);
});

test('tokens are counted as the same prompt is counted when it is answered', async () => {
  const { max_tokens: _, ...prompt } = { ...HELLO, tools: [WEATHER], system: 'Be terse.' };
  const counted = await client.messages.countTokens(prompt);
  const answered = await client.messages.create({ ...prompt, max_tokens: 64 });
  assert.equal(counted.input_tokens, answered.usage.input_tokens);
});

test('models are listed page by page, newest first, and looked up by alias', async () => {
  const page = await client.models.list({ limit: 5 });
  assert.equal(page.data.length, 5);
  assert(page.has_more);
  const all: Anthropic.ModelInfo[] = [];
  for await (const model of client.models.list({ limit: 5 })) all.push(model);
  assert(all.length > 15);
  const days = all.map((model) => model.created_at);
  assert.deepEqual(days, days.toSorted().toReversed());
  assert.equal(new Set(all.map((model) => model.id)).size, all.length);
  const resolved = await client.models.retrieve('claude-haiku-4-5');
  assert.equal(resolved.id, 'claude-haiku-4-5-20251001');
  await assert.rejects(client.models.retrieve('claude-does-not-exist'), NotFoundError);
});

test('a batch gives one result for each request, wrong ones included', async () => {
  const created = await client.messages.batches.create({
    requests: [
      { custom_id: 'one', params: HELLO },
      { custom_id: 'two', params: { ...HELLO, model: 'claude-does-not-exist' } },
      { custom_id: 'three', params: { ...HELLO, max_tokens: 4 } },
    ],
  });
  const ended = await client.messages.batches.retrieve(created.id);
  assert.equal(ended.processing_status, 'ended');
  assert.deepEqual(ended.request_counts, { processing: 0, succeeded: 2, errored: 1, canceled: 0, expired: 0 });
  const results = new Map<string, Anthropic.Messages.MessageBatchResult>();
  for await (const { custom_id: id, result } of await client.messages.batches.results(created.id))
    results.set(id, result);
  assert.equal(results.size, 3);
  const two = results.get('two');
  assert(two?.type === 'errored');
  assert.equal(two.error.error.type, 'not_found_error');
  const three = results.get('three');
  assert(three?.type === 'succeeded');
  assert.equal(three.message.stop_reason, 'max_tokens');
  assert.equal(three.message.usage.service_tier, 'batch');
});

test('errors arrive as the error classes of the SDK', async () => {
  const stranger = new Anthropic({ apiKey: 'sk-bad', baseURL: simulator.url, maxRetries: 0 });
  await assert.rejects(stranger.messages.create(HELLO), AuthenticationError);
  await assert.rejects(client.messages.create({ ...HELLO, model: 'claude-does-not-exist' }), NotFoundError);
  await assert.rejects(client.messages.create({ ...HELLO, messages: [] }), BadRequestError);
  const struck = async (kind: '429' | '500' | '529' | 'reset', expected: new (...args: never[]) => Error) => {
    simulator.setFaults([{ kind }]);
    await assert.rejects(client.messages.create(HELLO), expected);
  };
  await struck('429', RateLimitError);
  await struck('500', InternalServerError);
  await struck('529', InternalServerError);
  await struck('reset', APIConnectionError);
  simulator.setFaults([]);
});
