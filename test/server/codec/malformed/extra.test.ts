import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { body, SMALL } from '../support.ts';
import { IN_BLOCK, refuses, toolUse, withBlock, withExtra, withTool } from './cases.ts';

describe('extra that is no object, or says again what is said, is refused', () => {
  refuses([
    { name: 'extra that is a list', request: withExtra('[1]'), field: 'extra', says: /no JSON object/ },
    {
      name: 'extra that is null',
      request: { ...SMALL, extra: { value: { nullValue: 'NULL_VALUE' } } },
      field: 'extra',
      says: /no JSON object/,
    },
    {
      name: 'extra that repeats a field',
      request: withExtra('{"model":"other"}'),
      field: 'extra',
      says: /says "model", which is said already/,
    },
    {
      name: 'extra that repeats a field in escapes',
      request: withExtra('{"mod\\u0065l":"other"}'),
      field: 'extra',
      says: /says "model"/,
    },
    {
      name: 'a Value that repeats a field',
      request: { ...SMALL, extra: { value: { structValue: { fields: { max_tokens: { numberValue: 5 } } } } } },
      field: 'extra',
      says: /says "max_tokens"/,
    },
    {
      name: 'extra that repeats itself',
      request: withExtra('{"thread":1,"thread":2}'),
      field: 'extra',
      says: /says "thread"/,
    },
    {
      name: 'extra that repeats itself in escapes',
      request: withExtra('{"thread":1,"\\u0074hread":2}'),
      field: 'extra',
      says: /says "thread"/,
    },
    {
      name: 'extra that repeats a key that is no name',
      request: withExtra('{"my secret":1,"my secret":2}'),
      field: 'extra',
      says: /^says a key, which/,
    },
    { name: 'extra with stream', request: withExtra('{"stream":true}'), field: 'extra', says: /call CompleteStream/ },
    {
      name: 'extra with stream in escapes',
      request: withExtra('{"\\u0073tre\\u0061m":true}'),
      field: 'extra',
      says: /call CompleteStream/,
    },
    {
      name: 'a Value with stream',
      request: { ...SMALL, extra: { value: { structValue: { fields: { stream: { boolValue: false } } } } } },
      field: 'extra',
      says: /call CompleteStream/,
    },
    {
      name: 'a block’s extra with its type',
      request: withBlock({ text: { text: 'a', extra: { text: '{"type":"tool_use"}' } } }),
      field: `${IN_BLOCK}.text.extra`,
      says: /says "type"/,
    },
    {
      name: 'a block’s extra that repeats a field',
      request: withBlock({ text: { text: 'a', extra: { text: '{"text":"b"}' } } }),
      field: `${IN_BLOCK}.text.extra`,
      says: /says "text"/,
    },
    {
      name: 'a tool’s extra that repeats its type',
      request: withTool({ anthropic: { type: 'bash_20250124', extra: { text: '{"type":"x"}' } } }),
      field: 'tools[0].anthropic.extra',
      says: /says "type"/,
    },
  ]);
});

describe('a request at the edge of what is legal is taken', () => {
  it('with max_tokens 0, which fills the prompt cache', () => {
    assert.match(body({ ...SMALL, max_tokens: 0 }), /"max_tokens":0,/);
  });

  it('with free-form JSON that repeats a key, which is the caller’s own', () => {
    const request = withBlock(toolUse({ text: '{"a":1,"a":2}' }));
    assert.match(body(request), /"input":\{"a":1,"a":2\}/);
  });

  it('with members of extra that have the names of the relay’s own fields', () => {
    const text = '{"relay":1,"extra":2,"other":3,"list":4,"__proto__":5,"1":6}';
    assert.ok(body(withExtra(text)).endsWith(`,${text.slice(1)}`));
  });

  it('with a string in extra where its field is not set, since the API takes more shapes than the proto', () => {
    assert.match(body(withExtra('{"container":"c_1"}')), /"container":"c_1"\}$/);
  });

  it('without messages, tools or input, where the API does not ask for them', () => {
    assert.equal(body({}, 'models'), '');
    assert.match(body(withBlock({ tool_use: { id: 't', name: 'n' } })), /"tool_use","id":"t","name":"n"\}/);
  });
});
