import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codec, serialize, SMALL } from './support.ts';

function isSelfContained(more: object): boolean {
  return codec.decodeRequest('messages', serialize('CompleteRequest', { ...SMALL, ...more })).selfContained;
}

describe('an answer follows from the request alone', () => {
  it('where the request has texts, and tools of the caller’s own', () => {
    assert.ok(isSelfContained({}));
    assert.ok(
      isSelfContained({ tools: [{ custom: { name: 'web_search', input_schema: { text: '{"type":"object"}' } } }] }),
    );
    assert.ok(isSelfContained({ tools: [{ anthropic: { type: 'bash_20250124', name: 'bash' } }] }));
    assert.ok(isSelfContained({ extra: { text: '{"x":"\\u0074hread"}' } }));
  });

  it('but not where tools run upstream', () => {
    assert.ok(!isSelfContained({ tools: [{ anthropic: { type: 'web_search_20260318', name: 'web_search' } }] }));
    for (const type of ['web_fetch_20260309', '\\u0077eb_search_20260318', 'code_ex\\u0065cution_20260521']) {
      assert.ok(!isSelfContained({ tools: [{ other: { text: `{"name":"n" , "typ\\u0065" : "${type}"}` } }] }), type);
    }
    assert.ok(!isSelfContained({ extra: { text: '{"tools":"all"}' } }));
    for (const type of ['tool_addition', 'tool\\u005faddition']) {
      const addition = `{"type":"${type}","tool":{"type":"tool_definition","definition":{"type":"web_search_20260318"}}}`;
      const messages = [...SMALL.messages, { role: 'system', content: [{ other: { text: addition } }] }];
      assert.ok(!isSelfContained({ messages }), type);
    }
    assert.ok(
      isSelfContained({ messages: [{ role: 'user', content: [{ text: { text: '{"type":"tool_addition"}' } }] }] }),
    );
  });

  it('but not where images or documents are fetched at the time', () => {
    const sent = (block: object) => ({ messages: [{ role: 'user', content: [block] }] });
    assert.ok(!isSelfContained(sent({ image: { source: { url: { url: 'https://a.example/now.png' } } } })));
    assert.ok(!isSelfContained(sent({ document: { source: { url: { url: 'https://a.example/now.pdf' } } } })));
    assert.ok(isSelfContained(sent({ image: { source: { base64: { media_type: 'image/png', data: 'AAAA' } } } })));
    assert.ok(isSelfContained(sent({ text: { text: '{"type":"url"}' } })));
  });

  it('but not where it names state that the upstream keeps', () => {
    assert.ok(!isSelfContained({ container: { id: 'c' } }));
    assert.ok(!isSelfContained({ diagnostics: { previous_message_id: 'msg_1' } }));
    for (const extra of ['{"container":"c"}', '{"thr\\u0065ad":{"id":"t"}}', '{ "mcp_servers" : [] }']) {
      assert.ok(!isSelfContained({ extra: { text: extra } }), extra);
    }
    assert.ok(!isSelfContained({ extra: { value: { structValue: { fields: { thread: { stringValue: 't' } } } } } }));
  });
});
