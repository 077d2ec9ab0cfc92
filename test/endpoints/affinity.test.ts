import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { affinityKey, conversationKey } from '../../src/endpoints/affinity.ts';
import { ConsistentHashRing } from '../../src/endpoints/consistent-hash-ring.ts';
import { firstSeal, seals } from '../../src/endpoints/seals.ts';

const identity = (name: string) => name;

function body(...messages: unknown[]): string {
  return JSON.stringify({ model: 'claude-sonnet-5', max_tokens: 10, messages });
}

test('all turns of a conversation share a key, whatever follows the first message', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), (first, later) => {
      const opening = { role: 'user', content: [{ type: 'text', text: first }] };
      const turns = later.map((text) => ({ role: 'user', content: text }));
      assert.equal(conversationKey(body(opening)), conversationKey(body(opening, ...turns)));
    }),
  );
});

test('conversations that begin differently have different keys', () => {
  const keys = Array.from({ length: 1000 }, (_, index) => conversationKey(body({ role: 'user', content: `${index}` })));
  assert.ok(new Set(keys).size > 995);
});

test('a breakpoint that moves on with the conversation does not change the key of its first message', () => {
  const mark = fc.constantFrom(
    {},
    { cache_control: { type: 'ephemeral' } },
    { cache_control: { type: 'ephemeral', ttl: '1h' } },
  );
  const texts = fc.array(fc.tuple(fc.oneof(fc.string(), fc.string({ minLength: 900, maxLength: 1100 })), mark, mark), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(texts, (blocks) => {
      const one = blocks.map(([text, mark]) => ({ type: 'text', text, ...mark }));
      const other = blocks.map(([text, , mark]) => ({ type: 'text', text, ...mark }));
      const next = { role: 'user', content: 'And then?' };
      assert.equal(
        conversationKey(body({ role: 'user', content: one })),
        conversationKey(body({ role: 'user', content: other }, next)),
      );
    }),
  );
});

test('calls with the same marked system prompt share a key, those with the same unmarked one do not', () => {
  const keyOf = (question: string, block: object): number =>
    affinityKey(
      JSON.stringify({ messages: [{ role: 'user', content: question }], system: [block] }),
      'claude-sonnet-5',
    );
  const unmarked = { type: 'text', text: 'Be brief.' };
  const marked = { ...unmarked, cache_control: { type: 'ephemeral' } };
  const questions = Array.from({ length: 100 }, (_, index) => `question ${index}`);
  assert.equal(new Set(questions.map((question) => keyOf(question, marked))).size, 1);
  assert.equal(new Set(questions.map((question) => keyOf(question, unmarked))).size, 100);
});

test('a member that leaves a ring moves only its own keys', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 12 }),
      fc.array(fc.nat(2 ** 32 - 1)),
      (names, keys) => {
        const [gone, ...rest] = names;
        const before = new ConsistentHashRing(names, identity);
        const after = new ConsistentHashRing(rest, identity);
        for (const key of keys) {
          const owner = before.owner(key);
          if (owner !== gone) assert.equal(after.owner(key), owner);
        }
      },
    ),
  );
});

test('the order in which members are given does not matter', () => {
  const names = ['a', 'b', 'c', 'd'];
  const one = new ConsistentHashRing(names, identity);
  const other = new ConsistentHashRing(names.toReversed(), identity);
  for (let key = 0; key < 2 ** 32; key += 12_345_678) assert.equal(one.owner(key), other.owner(key));
});

test('members get about equal shares', () => {
  const ring = new ConsistentHashRing(['a', 'b', 'c', 'd'], identity);
  const counts = new Map<string, number>();
  for (let key = 0; key < 2 ** 32; key += 429_497) {
    const owner = ring.owner(key) ?? '';
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  for (const count of counts.values()) assert.ok(count > 2000 && count < 3000, `${count}`);
});

const SIGNATURE = 'EqQBCkYIARgC'.padEnd(200, 'x');

const SEALED: readonly [string, unknown][] = [
  ['a thinking signature', { type: 'thinking', thinking: '', signature: SIGNATURE }],
  ['redacted thinking', { type: 'redacted_thinking', data: SIGNATURE }],
  ['an encrypted search result', { type: 'web_search_result', encrypted_content: SIGNATURE }],
  ['an encrypted citation', { type: 'text', text: '', citations: [{ encrypted_index: SIGNATURE }] }],
  ['encrypted output', { type: 'code_execution_result', encrypted_stdout: SIGNATURE }],
];

for (const [name, block] of SEALED) {
  test(`${name} is found in a history, and named alike in the answer it came with`, () => {
    const history = body({ role: 'user', content: 'Hi' }, { role: 'assistant', content: [block] });
    const seal = firstSeal(history);
    assert.ok(seal !== undefined);
    assert.ok(SIGNATURE.endsWith(seal));
    assert.deepEqual([...seals(JSON.stringify({ content: [block] }))], [seal]);
    assert.equal(firstSeal(JSON.stringify(JSON.parse(history), undefined, 2)), seal);
  });
}

test('of several sealed values the first in the text counts', () => {
  const history = body({ content: [{ encrypted_content: 'first' }, { signature: 'second' }] });
  assert.equal(firstSeal(history), 'first');
});

test('prose about signatures, empty signatures and images are not sealed', () => {
  const prose = { type: 'text', text: 'The key "signature":"abc" and "redacted_thinking".' };
  const image = { type: 'image', source: { type: 'base64', data: 'aGVsbG8=' } };
  assert.equal(
    firstSeal(body({ content: [prose, image, { type: 'thinking', thinking: '', signature: '' }] })),
    undefined,
  );
});
