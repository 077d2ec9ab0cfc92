import { describe } from 'node:test';
import { raw, SMALL } from '../support.ts';
import { IN_BLOCK, IN_TURN, plus, refuses, toolUse, turn, withBlock, withExtra, withTool } from './cases.ts';

describe('free-form JSON that is none, or not what its place needs, is refused', () => {
  refuses([
    {
      name: 'Json without a form',
      request: withBlock(toolUse({})),
      field: `${IN_BLOCK}.tool_use.input`,
      says: /is empty; set text/,
    },
    {
      name: 'Json in both forms',
      request: turn(raw.bytes(4, raw.bytes(3, raw.bytes(1, '{}'), raw.bytes(2, raw.number(1, 0))))),
      field: `${IN_TURN}.tool_use.input`,
      says: /set twice/,
    },
    {
      name: 'Json given twice',
      request: turn(raw.bytes(4, raw.bytes(3, raw.bytes(1, '{}')), raw.bytes(3, raw.bytes(1, '{}')))),
      field: `${IN_TURN}.tool_use.input`,
      says: /set twice/,
    },
    {
      name: 'Json with another field',
      request: plus(raw.bytes(101, raw.bytes(3, 'x'))),
      field: 'extra',
      says: /not a claude\.relay\.v1\.Json/,
    },
    {
      name: 'text that is no JSON',
      request: withBlock(toolUse({ text: '{a:1}' })),
      field: `${IN_BLOCK}.tool_use.input.text`,
      says: /cannot be read as JSON.*offset 1/,
    },
    { name: 'two JSON documents', request: withExtra('{} {}'), field: 'extra.text', says: /more text after/ },
    {
      name: 'JSON with a trailing comma',
      request: withExtra('{"a":1,}'),
      field: 'extra.text',
      says: /key must be a string/,
    },
    { name: 'JSON with a comment', request: withExtra('{/**/}'), field: 'extra.text', says: /cannot be read/ },
    { name: 'empty text', request: withExtra(''), field: 'extra.text', says: /where a value should stand/ },
    {
      name: 'a control character in JSON',
      request: withExtra('{"a":"\n"}'),
      field: 'extra.text',
      says: /control character/,
    },
    {
      name: 'a bad escape far into JSON',
      request: withExtra(`{"a":"${'x'.repeat(500)}\\x"}`),
      field: 'extra.text',
      says: /bad escape.*offset 506/,
    },
    {
      name: 'input that is a list',
      request: withBlock(toolUse({ text: '[]' })),
      field: `${IN_BLOCK}.tool_use.input`,
      says: /no JSON object; .* leave it out/,
    },
    {
      name: 'input that is a string',
      request: withBlock(toolUse({ value: { stringValue: '{}' } })),
      field: `${IN_BLOCK}.tool_use.input`,
      says: /no JSON object/,
    },
    {
      name: 'server tool input that is null',
      request: withBlock({ server_tool_use: { id: 't', name: 'n', input: { text: ' null ' } } }),
      field: `${IN_BLOCK}.server_tool_use.input`,
      says: /no JSON object/,
    },
    {
      name: 'a schema that is no object',
      request: withTool({ custom: { name: 'n', input_schema: { text: 'true' } } }),
      field: 'tools[0].custom.input_schema',
      says: /no JSON object/,
    },
    {
      name: 'an answer schema that is no object',
      request: { ...SMALL, output_config: { format: { json_schema: { schema: { text: '[]' } } } } },
      field: 'output_config.format.json_schema.schema',
      says: /no JSON object/,
    },
    { name: 'a Value of no kind', request: plus(raw.bytes(101, raw.bytes(2))), field: 'extra.value', says: /no kind/ },
    {
      name: 'a Value of two kinds',
      request: plus(raw.bytes(101, raw.bytes(2, raw.number(1, 0), raw.number(4, 1)))),
      field: 'extra.value',
      says: /two kinds/,
    },
    {
      name: 'a Value that is NaN',
      request: plus(raw.bytes(101, raw.bytes(2, raw.double(2, NaN)))),
      field: 'extra.value',
      says: /NaN/,
    },
    {
      name: 'a Struct whose key has no value',
      request: plus(raw.bytes(101, raw.bytes(2, raw.bytes(5, raw.bytes(1, raw.bytes(1, 'k')))))),
      field: 'extra.value',
      says: /key without a value/,
    },
    {
      name: 'a Value with an unknown field',
      request: plus(raw.bytes(101, raw.bytes(2, raw.number(9, 1)))),
      field: 'extra.value',
      says: /not a google\.protobuf\.Value/,
    },
  ]);
});
