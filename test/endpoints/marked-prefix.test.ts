import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { markedPrefixKey } from '../../src/endpoints/marked-prefix.ts';
import { codec, toWire } from '../server/codec/support.ts';

const MODEL = 'claude-sonnet-5';

interface Item {
  readonly [field: string]: unknown;
  readonly cache_control?: object | null;
}

interface Prompt {
  readonly tools?: readonly Item[] | undefined;
  readonly system?: readonly Item[] | undefined;
  readonly messages?: readonly unknown[];
  readonly rest?: object;
}

/** A request as the codec writes it: in the proto's order, compact. */
function body({ tools, system, messages = [], rest = {} }: Prompt): string {
  return JSON.stringify({ model: MODEL, max_tokens: 10, messages, system, metadata: { user_id: 'u' }, tools, ...rest });
}

function keyOf(prompt: Prompt): number | undefined {
  return markedPrefixKey(body(prompt), MODEL);
}

/** What is cached before the messages, by the definition; undefined where nothing is. */
function markedPrefix({ tools = [], system = [] }: Prompt): string | undefined {
  const segments = [...tools.map((item) => ({ tool: item })), ...system.map((item) => ({ block: item }))];
  const last = segments.findLastIndex((segment) => ('tool' in segment ? segment.tool : segment.block).cache_control);
  return last < 0 ? undefined : JSON.stringify(segments.slice(0, last + 1));
}

/** Texts that would mislead who takes JSON for mere text. */
const text = fc.oneof(
  fc.string(),
  fc.constantFrom('"system":[', '\\', '\\"', '"}],"tools":[{"', ',"cache_control":{"type":"ephemeral"}', '}]}', '→ 😀'),
);
const mark = fc.constantFrom<object>({}, { type: 'ephemeral' }, { type: 'ephemeral', ttl: '1h' });
const breakpoint = fc.oneof(
  fc.record({ cache_control: mark }),
  fc.constantFrom<{ cache_control?: null }>({ cache_control: null }, {}, {}),
);
/** Free JSON of callers, with the keys that are looked for at depths where they mean nothing. */
const free = fc.dictionary(
  fc.oneof(text, fc.constantFrom('cache_control', 'system', 'tools', 'messages')),
  fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.record({ cache_control: mark }),
    fc.array(fc.record({ cache_control: mark })),
  ),
);
const tool: fc.Arbitrary<Item> = fc
  .tuple(fc.record({ name: text, description: text, input_schema: free }), breakpoint)
  .map(([parts, marked]) => ({ ...parts, ...marked }));
const block: fc.Arbitrary<Item> = fc
  .tuple(fc.record({ type: fc.constant('text'), text }), breakpoint)
  .map(([parts, marked]) => ({ ...parts, ...marked }));
const message = fc.record({
  role: fc.constant('user'),
  content: fc.array(fc.oneof(block, fc.record({ input: free }))),
});
const messages = fc.array(message, { maxLength: 3 });
const tools = fc.option(fc.array(tool, { maxLength: 3 }), { nil: undefined });
const system = fc.option(fc.array(block, { maxLength: 3 }), { nil: undefined });
const rest = fc.constantFrom({}, { thinking: { type: 'adaptive' } }, { cache_control: { type: 'ephemeral' } });

test('there is a key exactly where a tool or a block of the system prompt has a breakpoint', () => {
  fc.assert(
    fc.property(fc.record({ tools, system, messages, rest }), (prompt) => {
      assert.equal(keyOf(prompt) === undefined, markedPrefix(prompt) === undefined);
    }),
  );
});

test('the key does not depend on the messages, nor on anything beside tools and system prompt', () => {
  fc.assert(
    fc.property(tools, system, messages, messages, rest, (tools, system, one, other, rest) => {
      assert.equal(keyOf({ tools, system, messages: one }), keyOf({ tools, system, messages: other, rest }));
    }),
  );
});

test('two prompts share a key exactly where they share all that precedes the last breakpoint', () => {
  const prompt = fc.record({ tools, system });
  // Mostly the same but for one part, which is where it gets interesting.
  const pair = fc
    .tuple(prompt, prompt, fc.boolean(), fc.boolean())
    .map(([one, other, sameTools, sameSystem]): [Prompt, Prompt] => [
      one,
      { tools: sameTools ? one.tools : other.tools, system: sameSystem ? one.system : other.system },
    ]);
  fc.assert(
    fc.property(pair, ([one, other]) => {
      // An empty list says the same as none; only the text differs.
      fc.pre((one.tools?.length === 0) === (other.tools?.length === 0));
      const same = markedPrefix(one) === markedPrefix(other);
      assert.equal(keyOf(one) === keyOf(other), same);
    }),
  );
});

const MARK = { cache_control: { type: 'ephemeral' } };
const TOOLS: readonly Item[] = [
  { name: 'search', input_schema: { type: 'object' } },
  { name: 'open', input_schema: { type: 'object' }, ...MARK },
  { name: 'close', input_schema: { type: 'object' } },
];

test('what follows the last marked block does not matter, and what precedes it does', () => {
  const system = [
    { type: 'text', text: 'Be brief.' },
    { type: 'text', text: 'Be kind.', ...MARK },
  ];
  const key = keyOf({ tools: TOOLS, system });
  assert.equal(keyOf({ tools: TOOLS, system: [...system, { type: 'text', text: 'It is noon.' }] }), key);
  assert.notEqual(keyOf({ tools: TOOLS, system: [{ type: 'text', text: 'Be brief!' }, ...system.slice(1)] }), key);
  // Tools come first in the upstream's cache, so that all of them precede a marked system prompt.
  assert.notEqual(keyOf({ tools: TOOLS.slice(0, 2), system }), key);
  assert.equal(keyOf({ tools: TOOLS.slice(0, 2) }), keyOf({ tools: TOOLS }));
  assert.notEqual(keyOf({ tools: TOOLS.slice(1) }), keyOf({ tools: TOOLS }));
});

test('models do not share a key, since they share no cache', () => {
  const json = body({ tools: TOOLS });
  assert.notEqual(markedPrefixKey(json, 'claude-opus-5'), markedPrefixKey(json, 'claude-sonnet-5'));
});

test('prefixes that differ in one place have different keys, long ones where they begin, where they end and in length', () => {
  const long = (parts: { head?: string; tail?: string; length?: number }): number | undefined => {
    const { head = '', tail = '', length = 300_000 } = parts;
    return keyOf({
      system: [{ type: 'text', text: `${head.padEnd(100)}${'x'.repeat(length)}${tail.padStart(100)}`, ...MARK }],
    });
  };
  const keys = [long({}), long({ head: 'a' }), long({ tail: 'a' }), long({ length: 300_001 })];
  assert.equal(new Set(keys).size, keys.length);
  const short = Array.from({ length: 1000 }, (_, index) =>
    keyOf({ system: [{ type: 'text', text: `You serve customer ${index}. ${'x'.repeat(2000)}`, ...MARK }] }),
  );
  assert.ok(new Set(short).size > 995);
});

test('requests are read as the codec writes them, with what it writes as it came', () => {
  const request = {
    model: MODEL,
    max_tokens: 10,
    tools: TOOLS,
    system: [{ type: 'text', text: 'Be "brief" \\ “kind”.', ...MARK }],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
  };
  const keyOfWire = (parts: object): number | undefined => {
    const wire = toWire('CompleteRequest', JSON.stringify({ ...request, ...parts }));
    return markedPrefixKey(codec.decodeRequest('messages', wire).body, MODEL);
  };
  const key = keyOfWire({});
  assert.ok(key !== undefined);
  assert.equal(
    keyOfWire({ messages: [{ role: 'user', content: 'Bye' }], temperature: 1, unknown: [{ ...MARK }] }),
    key,
  );
  assert.equal(keyOfWire({ tools: undefined, system: [{ type: 'text', text: 'unmarked' }], ...MARK }), undefined);
  const spaced = '{"name" : "new" , "input_schema":{}, "cache_control" : { "type":"ephemeral" } }';
  const other = body({}).replace(/\}$/, `,"tools" : [ ${spaced} ] }`);
  assert.ok(markedPrefixKey(other, MODEL) !== undefined);
});

test('marked tools keep their key however long the history grows', () => {
  const history = [{ role: 'user', content: [{ type: 'tool_use', input: Array.from({ length: 200_000 }, () => 1) }] }];
  assert.equal(keyOf({ tools: TOOLS, messages: history }), keyOf({ tools: TOOLS }));
});

test('bodies that are no requests, and hostile ones, have no key', () => {
  for (const json of [
    '',
    '"cache_control":{}',
    '{"tools":"cache_control","cache_control":{}}',
    '"cache_control"}]}'.repeat(9),
  ]) {
    assert.equal(markedPrefixKey(json, MODEL), undefined);
  }
  const endless = `{"tools":[{"name":"${'\\"'.repeat(500_000)}","cache_control":{}}]}`;
  assert.equal(markedPrefixKey(endless, MODEL), undefined);
});
