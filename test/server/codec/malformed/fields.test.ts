import { describe } from 'node:test';
import { HI, raw, SMALL } from '../support.ts';
import { IN_BLOCK, IN_TURN, refuses, turn, withBlock, withTool } from './cases.ts';

describe('what is missing or out of range is refused', () => {
  refuses([
    { name: 'nothing at all', request: Buffer.alloc(0), field: 'model', says: /set the id of a model/ },
    { name: 'no model', request: { ...SMALL, model: undefined }, field: 'model', says: /missing; set the id/ },
    { name: 'an empty model', request: { ...SMALL, model: '' }, field: 'model', says: /missing/ },
    { name: 'an endless model', request: { ...SMALL, model: 'm'.repeat(10_000) }, field: 'model', says: /longer than/ },
    { name: 'no max_tokens', request: { ...SMALL, max_tokens: undefined }, field: 'max_tokens', says: /missing; set/ },
    {
      name: 'a negative max_tokens',
      request: { ...SMALL, max_tokens: -1 },
      field: 'max_tokens',
      says: /is -1; it must/,
    },
    { name: 'no messages', request: { ...SMALL, messages: [] }, field: 'messages', says: /at least one turn/ },
    {
      name: 'messages in extra',
      request: { model: 'm', max_tokens: 1, extra: { text: '{"messages":[]}' } },
      field: 'messages',
      says: /empty/,
    },
    {
      name: 'no role',
      request: { ...SMALL, messages: [HI, { content: HI.content }] },
      field: 'messages[1].role',
      says: /set user or assistant/,
    },
    {
      name: 'an empty role',
      request: { ...SMALL, messages: [{ role: '' }] },
      field: 'messages[0].role',
      says: /missing/,
    },
    {
      name: 'no role, where extra has one',
      request: { ...SMALL, messages: [{ extra: { text: '{"role":"user"}' } }] },
      field: 'messages[0].role',
      says: /missing/,
    },
    {
      name: 'no messages to count',
      operation: 'count_tokens',
      request: { model: 'm' },
      field: 'messages',
      says: /empty/,
    },
    {
      name: 'no model to count for',
      operation: 'count_tokens',
      request: { messages: [HI] },
      field: 'model',
      says: /missing/,
    },
  ]);
});

describe('a oneof without a member, or with two, is refused', () => {
  refuses([
    {
      name: 'a block of no kind',
      request: withBlock({}),
      field: IN_BLOCK,
      says: /says no kind; set one of text, image/,
    },
    {
      name: 'a block of two kinds',
      request: turn(Buffer.concat([raw.bytes(1, raw.bytes(1, 'a')), raw.bytes(6, raw.bytes(1, 'b'))])),
      field: IN_TURN,
      says: /both text and thinking; set one/,
    },
    { name: 'a system block of no kind', request: { ...SMALL, system: [{}] }, field: 'system[0]', says: /no kind/ },
    { name: 'a tool of no kind', request: withTool({}), field: 'tools[0]', says: /no kind; set one of custom/ },
    { name: 'a tool choice of no kind', request: { ...SMALL, tool_choice: {} }, field: 'tool_choice', says: /no kind/ },
    { name: 'thinking of no kind', request: { ...SMALL, thinking: {} }, field: 'thinking', says: /no kind/ },
    {
      name: 'a format of no kind',
      request: { ...SMALL, output_config: { format: {} } },
      field: 'output_config.format',
      says: /no kind/,
    },
    {
      name: 'a source of no kind',
      request: withBlock({ image: { source: {} } }),
      field: `${IN_BLOCK}.image.source`,
      says: /no kind/,
    },
  ]);
});
