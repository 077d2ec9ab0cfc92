import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operation } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import { remembering } from '../../src/main/remembered-requests.ts';
import { createCodec } from '../../src/server/codec/codec.ts';
import type { RelayCodec } from '../../src/server/relay-service.ts';

/** A codec that takes any text for a request, and how often it was asked. */
function counted() {
  const decoded: string[] = [];
  const decodeRequest: RelayCodec['decodeRequest'] = (operation: Operation, wire: Buffer) => {
    decoded.push(`${operation} ${wire.toString('latin1')}`);
    if (wire.length === 0) throw new RelayError('INVALID_REQUEST', 'Empty.');
    const model = wire.toString('latin1').slice(0, 20);
    return { ...EMPTY, model };
  };
  return { decoded, codec: remembering({ ...real, decodeRequest }) };
}

const real = createCodec();
const EMPTY: ReturnType<RelayCodec['decodeRequest']> = {
  body: '{}',
  model: '',
  maxTokens: 1,
  options: { betas: [], apiVersion: '2023-06-01' },
  routing: { region: '', affinityKey: '', priority: 'interactive', tenantWeight: 1 },
  cache: { mode: undefined, ttlMs: undefined, minSimilarity: undefined },
  selfContained: true,
};

describe('a codec that remembers', () => {
  it('remembers what comes again, and decodes everything else', () => {
    const { decoded, codec } = counted();
    codec.decodeRequest('messages', Buffer.from('one'));
    const second = codec.decodeRequest('messages', Buffer.from('one'));
    assert.equal(codec.decodeRequest('messages', Buffer.from('one')), second);
    assert.notEqual(codec.decodeRequest('messages', Buffer.from('onf')), second);
    assert.notEqual(codec.decodeRequest('count_tokens', Buffer.from('one')), second);
    assert.deepEqual(decoded, ['messages one', 'messages one', 'messages onf', 'count_tokens one']);
  });

  it('tells all byte strings apart', () => {
    const { decoded, codec } = counted();
    for (let times = 0; times < 3; times++) {
      for (let byte = 0; byte < 256; byte++) {
        const { model } = codec.decodeRequest('messages', Buffer.from([byte, 255 - byte]));
        assert.equal(model, Buffer.from([byte, 255 - byte]).toString('latin1'));
      }
    }
    assert.ok(decoded.length < 2.2 * 256, `${decoded.length} times`);
  });

  it('remembers no failure, and nothing long', () => {
    const { decoded, codec } = counted();
    for (let times = 0; times < 2; times++) {
      assert.throws(() => codec.decodeRequest('messages', Buffer.alloc(0)), RelayError);
      codec.decodeRequest('messages', Buffer.alloc(20_000));
    }
    assert.equal(decoded.length, 4);
  });

  it('forgets what was not asked for longest', () => {
    const { decoded, codec } = counted();
    const ask = (byte: number) => codec.decodeRequest('messages', Buffer.alloc(10_000 + byte, byte));
    ask(0);
    for (let other = 1; other < 250; other++) {
      ask(other);
      ask(other);
      ask(0);
    }
    const before = decoded.length;
    ask(0);
    assert.equal(decoded.length, before);
    ask(1);
    assert.equal(decoded.length, before + 1);
  });
});
