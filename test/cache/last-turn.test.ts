import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { splitLastTurn } from '../../src/cache/last-turn.ts';

function body(last: unknown, more: object = {}): string {
  const earlier = { role: 'user', content: [{ type: 'text', text: 'Hello' }] };
  return JSON.stringify({ model: 'm', ...more, messages: [earlier, { role: 'user', content: last }] });
}

function text(value: string, more: object = {}): unknown[] {
  return [{ type: 'text', text: value, ...more }];
}

describe('the last user turn of a request', () => {
  it('is split off as its text, and a digest of all the rest', () => {
    const [one, other] = [splitLastTurn(body(text('A "quoted" é')), ''), splitLastTurn(body(text('Another')), '')];
    assert.equal(one?.text, 'A "quoted" é');
    assert.equal(other?.text, 'Another');
    assert.equal(one?.rest, other?.rest);
  });

  it('leaves another rest where anything else differs', () => {
    const rests = [
      splitLastTurn(body(text('x')), ''),
      splitLastTurn(body(text('x')), 'another tenant'),
      splitLastTurn(body(text('x'), { temperature: 1 }), ''),
      splitLastTurn(body(text('x'), { system: text('Be brief.') }), ''),
      splitLastTurn(body(text('x', { cache_control: { type: 'ephemeral' } })), ''),
      splitLastTurn(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: text('x') }] }), ''),
    ].map((turn) => turn?.rest);
    assert.equal(new Set(rests).size, rests.length);
    assert.ok(!rests.includes(undefined));
  });

  it('is not split where it is not one text of the user', () => {
    const image = { type: 'image', source: { type: 'url', url: 'https://example.com/cat.png' } };
    const assistant = { model: 'm', messages: [{ role: 'assistant', content: text('x') }] };
    for (const request of [
      body([image]),
      body([...text('What is this?'), image]),
      body([...text('One'), ...text('Two')]),
      body([]),
      body([{ type: 'tool_result', tool_use_id: 't', content: text('x') }]),
      JSON.stringify(assistant),
      '{"model":"m","messages":[]}',
      '{"model":"m"}',
    ]) {
      assert.equal(splitLastTurn(request, ''), undefined, request);
    }
  });
});
