import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RelayError } from '../../../src/completion/errors.ts';
import { canonical } from '../../completion/lossless.ts';
import { plan, toJson, toWire } from './support.ts';

function assertIdentity(name: string, json: string): void {
  assert.equal(canonical(toJson(name, toWire(name, json))), canonical(json));
}

const fixtures = new URL('../../fixtures/', import.meta.url);
const documents = (folder: string): string[] =>
  readdirSync(new URL(folder, fixtures)).filter((file) => file.endsWith('.json'));

const anyJson = fc.json({ maxDepth: 4 });
const odd = fc.oneof(
  anyJson,
  fc.constantFrom(
    '1.0',
    '1e2',
    '-0',
    '12345678901234567890',
    '1.10',
    '[]',
    '{}',
    'null',
    '"\\ud83d"',
    '{"type":"text"}',
  ),
);
const text = fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value));
const KNOWN = [
  'type',
  'text',
  'id',
  'name',
  'input',
  'content',
  'citations',
  'signature',
  'thinking',
  'extra',
  'other',
  'list',
  'usage',
  'stop_reason',
  'tool_use_id',
  'caller',
  'cache_control',
  'index',
  'is_error',
  '__proto__',
  'constructor',
];
const known = fc.constantFrom(...KNOWN);
const key = fc.oneof(known, fc.string());
const KINDS = [
  'text',
  'thinking',
  'tool_use',
  'tool_result',
  'server_tool_use',
  'web_search_tool_result',
  'image',
  'document',
  'code_execution_tool_result',
  'redacted_thinking',
  'hologram',
  'other',
  'list',
  'custom',
  'container_upload',
];
const kinds = fc.constantFrom(...KINDS);

/** An object of the API as it may come tomorrow: required members there, any others of any shape, in any order. */
function object(required: Record<string, fc.Arbitrary<string>>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.record(required), fc.array(fc.tuple(key, odd), { maxLength: 4 }), fc.boolean())
    .map(([given, more, last]) => {
      const own = Object.entries(given);
      const further = more.filter(
        ([name], at) => !(name in required) && more.findIndex(([other]) => other === name) === at,
      );
      const all = last ? [...further, ...own] : [...own, ...further];
      return `{${all.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(', ')}}`;
    });
}

const plainScalars: Record<string, fc.Arbitrary<string>> = {
  text: text,
  thinking: text,
  id: text,
  name: text,
  tool_use_id: text,
  data: text,
  file_id: text,
};

/** Scalars that the API requires in a block of this kind: the proto has no presence for them. */
function requiredOf(kind: string): Record<string, fc.Arbitrary<string>> {
  const fields = plan('ContentBlock').byName.get(kind)?.message?.fields ?? [];
  const required = fields.filter((field) => !field.presence && !field.repeated && field.kind === 'string');
  return Object.fromEntries(required.map((field) => [field.name, plainScalars[field.name] ?? text]));
}

const block = kinds.chain((kind) =>
  object({ type: fc.constant(JSON.stringify(kind)), ...(kind === 'other' || kind === 'list' ? {} : requiredOf(kind)) }),
);
const message = object({
  id: text,
  content: fc
    .array(fc.oneof({ weight: 5, arbitrary: block }, odd), { maxLength: 4 })
    .map((list) => `[${list.join(',')}]`),
  usage: object({}),
});

describe('JSON to protobuf and back', () => {
  for (const file of documents('responses').filter((name) => !name.startsWith('3'))) {
    it(`loses nothing of the answer ${file}`, () => {
      assertIdentity('Message', readFileSync(new URL(`responses/${file}`, fixtures), 'utf8'));
    });
  }

  for (const file of documents('requests').filter((name) => !/^(21|22|24|1[0-5])/.test(name))) {
    it(`loses nothing of the request ${file}`, () => {
      const name = file.startsWith('17') ? 'CountTokensRequest' : 'CompleteRequest';
      assertIdentity(name, readFileSync(new URL(`requests/${file}`, fixtures), 'utf8'));
    });
  }

  it('is the identity on documents of the API, today’s or tomorrow’s', () => {
    fc.assert(
      fc.property(message, (json) => {
        let wire: Buffer;
        try {
          wire = toWire('Message', json);
        } catch (thrown) {
          // Half a surrogate pair in a typed string is an error with a reason, never altered.
          assert.ok(thrown instanceof RelayError && thrown.reason === 'UPSTREAM_INVALID_TEXT');
          return;
        }
        assert.equal(canonical(toJson('Message', wire)), canonical(json));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps the exact bytes of free-form JSON', () => {
    const input = '{"z" : 1.10, "10":1,"9":2,  "n":12345678901234567890,"e":1e2,"s":"\\ud83d","__proto__":{"a":-0}}';
    const json = `{"type":"tool_use","id":"t","name":"n","input":${input}}`;
    assert.ok(toJson('ToolUseBlock', toWire('ToolUseBlock', json)).includes(input));
  });

  it('nests far deeper than any answer without growing the stack without bound', () => {
    const deep = (levels: number): string => `{"content":[],"x":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`;
    assertIdentity('Message', deep(200));
    assert.ok(toWire('Message', deep(900)).length > 0);
    assert.throws(() => toWire('Message', `{"content":[],"x":${'['.repeat(100_000)}}`), /nested deeper/);
  });
});
