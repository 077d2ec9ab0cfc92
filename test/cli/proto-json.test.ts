import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MethodDefinition } from '@grpc/proto-loader';
import { fromProtoJson, ProtoJsonError } from '../../src/cli/proto-json.ts';
import { loadProto } from '../../src/cli/relay-client.ts';
import { createCodec } from '../../src/server/codec/codec.ts';

const definition = loadProto();
const { Complete } = definition['claude.relay.v1.RelayService'] as unknown as {
  Complete: MethodDefinition<object, object>;
};

const read = (text: string): object => fromProtoJson(definition, 'claude.relay.v1.CompleteRequest', text);

describe('a request written as JSON', () => {
  it('means what grpcurl makes of it: either spelling of names, any JSON for values, durations as text', () => {
    const request = {
      model: 'claude-opus-5-5',
      maxTokens: 8,
      messages: [{ role: 'user', content: [{ text: { text: 'Hello' } }] }],
      tools: [{ custom: { name: 'f', inputSchema: { value: { type: 'object', b: [1, true, null, 'x'] } } } }],
      temperature: null,
      relay: { cache: { mode: 'CACHE_MODE_EXACT', ttl: '1.5s' } },
    };
    const wire = Complete.requestSerialize(read(JSON.stringify(request)));
    const decoded = createCodec().decodeRequest('messages', wire);
    assert.deepEqual(JSON.parse(decoded.body), {
      model: 'claude-opus-5-5',
      max_tokens: 8,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
      tools: [{ name: 'f', input_schema: { type: 'object', b: [1, true, null, 'x'] } }],
    });
    assert.equal(decoded.cache.ttlMs, 1500);
  });

  for (const [text, problem] of [
    ['{"messages":[{"role":"user","contents":[]}]}', 'messages[0].contents is no field of MessageParam'],
    ['{"messages":{}}', 'messages is not a list'],
    ['{"messages":["Hi"]}', 'messages[0] is not an object'],
    ['{"relay":{"cache":{"ttl":"soon"}}}', 'relay.cache.ttl is not a duration such as "1.5s"'],
    ['[]', 'the request is not an object'],
    ['{', 'the request is not JSON'],
  ] as const) {
    it(`is refused where it is none: ${problem}`, () => {
      assert.throws(() => read(text), new ProtoJsonError(problem));
    });
  }
});
