import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import fc from 'fast-check';
import { sampleSchema } from '../../src/simulator/generation/schema-sample.ts';
import { proseTokens, textTokens } from '../../src/simulator/generation/words.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { HELLO, post, start } from './client.ts';

let simulator: Simulator;
let client: Anthropic;

before(async () => {
  simulator = await start();
  client = new Anthropic({ apiKey: 'sk-good', baseURL: simulator.url, maxRetries: 0 });
});
after(() => simulator.close());

const TOOL = {
  name: 'search',
  input_schema: { type: 'object' as const, properties: { query: { type: 'string' } }, required: ['query'] },
};

const requests = fc.record({
  model: fc.constantFrom('claude-opus-5-5', 'claude-haiku-4-5', 'claude-sonnet-4-6'),
  max_tokens: fc.integer({ min: 1, max: 300 }),
  messages: fc.tuple(
    fc.record({ role: fc.constant('user' as const), content: fc.string({ minLength: 1, unit: 'grapheme' }) }),
  ),
  tools: fc.subarray([TOOL]),
  stop_sequences: fc.subarray(['the', '.', 'never said']),
  system: fc.string({ minLength: 1 }),
});

test('a request costs the same and says the same, streamed or not, as often as it is sent', async () => {
  await fc.assert(
    fc.asyncProperty(requests, fc.boolean(), async (request, thinks) => {
      const adaptive = thinks && request.model !== 'claude-haiku-4-5';
      const asked = { ...request, ...(adaptive && { thinking: { type: 'adaptive' } as const }) };
      const whole = await client.messages.create(asked);
      const again = await client.messages.create(asked);
      const { parsed_output: _, ...streamed } = await client.messages.stream(asked).finalMessage();
      assert.deepEqual(streamed.usage, whole.usage);
      assert.deepEqual({ ...again, id: '' }, { ...whole, id: '' });
      // A tool input that was cut short is a fragment in a stream, and nothing in a whole answer.
      if (whole.stop_reason !== 'max_tokens') assert.deepEqual({ ...streamed, id: '' }, { ...whole, id: '' });
      assert(whole.usage.output_tokens <= request.max_tokens);
      assert(whole.usage.output_tokens >= 1);
    }),
    { numRuns: 60 },
  );
});

test('other requests get other answers, and another place of stream does not', async () => {
  const one = await post(simulator, HELLO);
  const other = await post(simulator, { ...HELLO, messages: [{ role: 'user', content: 'Hello, Claude!' }] });
  assert.notDeepEqual(one.json()['content'], other.json()['content']);
  const said = [];
  for (const body of [
    { stream: false, ...HELLO },
    { ...HELLO, stream: false },
  ]) {
    said.push((await post(simulator, body)).json()['content']);
  }
  assert.deepEqual(said, [one.json()['content'], one.json()['content']]);
});

test('a stop sequence ends the text before it, the earliest first', async () => {
  const stopped = await client.messages.create({ ...HELLO, stop_sequences: ['.', 'never said', ' '] });
  assert.equal(stopped.stop_reason, 'stop_sequence');
  assert.equal(stopped.stop_sequence, ' ');
  assert(stopped.content[0]?.type === 'text');
  assert.match(stopped.content[0].text, /^[^ .]+$/);
  const unstopped = await client.messages.create({ ...HELLO, stop_sequences: ['never said'] });
  assert.deepEqual([unstopped.stop_reason, unstopped.stop_sequence], ['end_turn', null]);
});

test('max_tokens cuts text, thinking and tool inputs, and says so', async () => {
  const text = await client.messages.create({ ...HELLO, max_tokens: 5 });
  assert.deepEqual([text.stop_reason, text.usage.output_tokens], ['max_tokens', 5]);
  const thinking = await client.messages.create({ ...HELLO, max_tokens: 5, thinking: { type: 'adaptive' } });
  assert.deepEqual(
    [thinking.stop_reason, thinking.content.map((block) => block.type), thinking.usage.output_tokens],
    ['max_tokens', ['thinking'], 5],
  );
  const forced = { ...HELLO, model: 'claude-haiku-5-5', tools: [TOOL], tool_choice: { type: 'any' } as const };
  const called = await client.messages.create({ ...forced, max_tokens: 2 });
  assert.equal(called.stop_reason, 'max_tokens');
  assert(called.content[0]?.type === 'tool_use');
  assert.deepEqual(called.content[0].input, {});
});

test('max_tokens 0 answers nothing at all', async () => {
  const warmed = await client.messages.create({ ...HELLO, max_tokens: 0 });
  assert.deepEqual([warmed.content, warmed.stop_reason, warmed.usage.output_tokens], [[], 'max_tokens', 0]);
});

test('structured output is JSON of the schema', async () => {
  const schema = {
    type: 'object',
    properties: { answer: { type: 'string' }, score: { type: 'integer', minimum: 1, maximum: 5 } },
    required: ['answer', 'score'],
    additionalProperties: false,
  };
  const message = await client.messages.create({
    ...HELLO,
    output_config: { format: { type: 'json_schema', schema } },
  });
  assert(message.content[0]?.type === 'text');
  const value = JSON.parse(message.content[0].text) as { answer: unknown; score: number };
  assert.equal(typeof value.answer, 'string');
  assert(Number.isInteger(value.score) && value.score >= 1 && value.score <= 5);
});

test('thinking is shown by default only by older models', async () => {
  const shown = async (model: string): Promise<boolean> => {
    const message = await client.messages.create({ ...HELLO, model, thinking: { type: 'adaptive' } });
    const [first] = message.content;
    assert(first?.type === 'thinking' && first.signature !== '');
    return first.thinking !== '';
  };
  assert.equal(await shown('claude-sonnet-4-6'), true);
  assert.equal(await shown('claude-opus-5-5'), false);
});

test('tools of the API itself are called with inputs of their own', async () => {
  const call = async (tool: Anthropic.ToolUnion): Promise<unknown> => {
    const message = await client.messages.create({ ...HELLO, tools: [tool] });
    const use = message.content.at(-1);
    assert(use?.type === 'tool_use', JSON.stringify(tool));
    return { name: use.name, toolset: use.toolset_name, input: use.input };
  };
  assert.deepEqual(await call({ type: 'bash_20250124', name: 'bash' }), {
    name: 'bash',
    toolset: undefined,
    input: { command: 'ls -la' },
  });
  assert.deepEqual(await call({ type: 'browser_toolset_20260801' }), {
    name: 'navigate',
    toolset: 'browser',
    input: { url: 'https://example.com' },
  });
  const searched = await client.messages.create({
    ...HELLO,
    tools: [{ type: 'web_search_20260318', name: 'web_search' }],
  });
  assert.equal(searched.stop_reason, 'end_turn', 'tools that run at the server are not the client’s to run');
});

test('tokens joined are the text they came from, and never half a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const tokens = textTokens(text);
      assert.equal(tokens.join(''), text);
      assert(tokens.every((token) => token.isWellFormed()));
    }),
  );
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 200 }), (seed, count) => {
      const tokens = proseTokens(seededRandom(seed), count);
      assert.equal(tokens.length, count);
      assert.match(tokens.join(''), /^\p{L}.*\.$|^\P{L}+.*\.$/su);
    }),
  );
});

interface Schema {
  readonly [keyword: string]: unknown;
}

const leaf = fc.oneof(
  fc.constant<Schema>({ type: 'boolean' }),
  fc.constant<Schema>({ type: 'null' }),
  fc.record({ enum: fc.array(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 4 }) }),
  fc
    .tuple(fc.integer(), fc.nat())
    .map(([minimum, spread]) => ({ type: 'integer', minimum, maximum: minimum + spread })),
  fc
    .tuple(fc.nat(40), fc.nat(40))
    .map(([least, more]) => ({ type: 'string', minLength: least, maxLength: least + more })),
);
const { schema: schemas } = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.record({ type: fc.constant('array'), items: tie('schema'), minItems: fc.nat(3) }),
    fc.dictionary(fc.string(), tie('schema'), { maxKeys: 4 }).map((properties) => ({
      type: 'object',
      properties,
      required: Object.keys(properties).slice(0, 2),
      additionalProperties: false,
    })),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
  ),
}));

/** The part of JSON Schema that the schemas above use. */
function satisfies(value: unknown, schema: Schema): boolean {
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].some((branch: Schema) => satisfies(value, branch));
  if (Array.isArray(schema['enum'])) return schema['enum'].includes(value);
  const { minimum, maximum, minLength, maxLength } = schema as Record<string, number>;
  switch (schema['type']) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'null':
      return value === null;
    case 'integer':
      return Number.isInteger(value) && Number(value) >= (minimum ?? 0) && Number(value) <= (maximum ?? 0);
    case 'string':
      return typeof value === 'string' && value.length >= (minLength ?? 0) && value.length <= (maxLength ?? 0);
    case 'array':
      return (
        Array.isArray(value) &&
        value.length >= Number(schema['minItems']) &&
        value.every((item) => satisfies(item, schema['items'] as Schema))
      );
    default: {
      const properties = schema['properties'] as Record<string, Schema>;
      const required = schema['required'] as readonly string[];
      if (typeof value !== 'object' || value === null) return false;
      return (
        required.every((name) => Object.hasOwn(value, name)) &&
        Object.entries(value).every(([name, field]) => {
          const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
          return property !== undefined && satisfies(field, property);
        })
      );
    }
  }
}

test('a sample satisfies the schema it was made for', () => {
  fc.assert(
    fc.property(schemas, fc.string(), (schema, seed) => {
      const value = sampleSchema(schema, seededRandom(seed));
      assert(satisfies(value, schema), JSON.stringify({ schema, value }));
    }),
  );
});

test('recursive and referenced schemas end', () => {
  const node = {
    type: 'object',
    properties: { next: { $ref: '#' }, name: { $ref: '#/$defs/name' } },
    required: ['name'],
  };
  const schema = { ...node, $defs: { name: { type: 'string', const: 'N' } } };
  const value = sampleSchema(schema, seededRandom('x'));
  assert(JSON.stringify(value).includes('"name":"N"'));
  const endless = { type: 'object', properties: { self: { $ref: '#' } }, required: ['self'] };
  assert(JSON.stringify(sampleSchema(endless, seededRandom('x'))).includes('null'));
});
