import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { members } from '../../../src/completion/json.ts';
import type { StreamEvent } from '../../../src/completion/reply.ts';
import { EventReader } from '../../../src/providers/event-reader.ts';
import { NO_REQUIREMENTS } from '../../../src/server/codec/requirements.ts';
import { JsonDecoder } from '../../../src/server/codec/to-json.ts';
import { canonical } from '../../completion/lossless.ts';
import { codec, deserialize, INFO, plan, serialize } from './support.ts';

const fixtures = new URL('../../fixtures/', import.meta.url);
const files = ['streams/', 'recorded/'].flatMap((folder) =>
  readdirSync(new URL(folder, fixtures))
    .filter((name) => name.endsWith('.sse'))
    .map((name) => folder + name),
);

/** The events of a stream, also of one that ends badly. */
function eventsOf(file: string): StreamEvent[] {
  const events: StreamEvent[] = [];
  const reader = new EventReader((event) => events.push(event));
  try {
    reader.feed(readFileSync(new URL(file, fixtures)));
    reader.end();
  } catch {
    // An `error` event: what came before it counts.
  }
  return events;
}

/** The event as another implementation of protobuf reads and writes it, as JSON of the API. */
function jsonOf(wire: Buffer): string {
  const event = plan('CompleteStreamResponse');
  const theirs = serialize('CompleteStreamResponse', deserialize('CompleteStreamResponse', wire));
  const set = new JsonDecoder(theirs, NO_REQUIREMENTS).root(event).filter((text) => text !== undefined);
  assert.equal(set.length, 1);
  return set[0] ?? '';
}

function withType({ type, data }: StreamEvent): string {
  return members(data).has('type') ? data : `{"type":"${type}",${data.trim().slice(1)}`;
}

describe('events through protobuf', () => {
  for (const file of files) {
    it(`are what they were: ${file}`, () => {
      const encoder = codec.createStreamEncoder();
      for (const event of eventsOf(file)) {
        const wire = encoder.encode(event);
        assert.ok(wire);
        assert.equal(canonical(jsonOf(wire)), canonical(withType(event)));
      }
    });
  }

  const encode = (type: string, data: string): string => {
    const wire = codec.createStreamEncoder().encode({ type, data });
    assert.ok(wire);
    return jsonOf(wire);
  };

  it('keep the type of an unknown one, whose payload does not say it', () => {
    assert.equal(encode('sunrise', '{"at": 6.10}'), '{"type":"sunrise","at":6.10}');
    assert.equal(encode('sunset', '{}'), '{"type":"sunset"}');
    assert.equal(encode('other', '{"type":"other","a":1}'), '{"type":"other","a":1}');
    assert.equal(encode('relay', '{"type":"relay","relay":{"a":1}}'), '{"type":"relay","relay":{"a":1}}');
    assert.equal(encode('__proto__', '{"x":1}'), '{"type":"__proto__","x":1}');
  });

  it('stay raw where a known one has lost what the proto cannot leave out', () => {
    const data = '{"type":"content_block_stop"}';
    const { other } = deserialize(
      'CompleteStreamResponse',
      codec.createStreamEncoder().encode({ type: 'content_block_stop', data }) ?? Buffer.alloc(0),
    );
    assert.deepEqual({ ...(other as object) }, { form: 'text', text: data });
    assert.equal(encode('content_block_stop', '{"index":1.0}'), '{"type":"content_block_stop","index":1.0}');
    assert.equal(
      encode('content_block_delta', '{"type":"content_block_delta","index":-0,"delta":{}}'),
      '{"type":"content_block_delta","index":-0,"delta":{}}',
    );
  });

  it('keep members that have the names of the relay’s own', () => {
    const data =
      '{"type":"ping","relay":1,"extra":{"a":1},"other":[2],"list":null,"__proto__":{},"7":1e400,"8":-0,"9":9223372036854775808}';
    assert.equal(encode('ping', data), data);
  });

  it('keep keys and types that are spelt in escapes', () => {
    const data =
      '{"t\\u0079pe":"content_block_delta","\\u0069ndex":3,"delta":{"type":"text_\\u0064elta","te\\u0078t":"a","\\u0061":1}}';
    assert.equal(
      canonical(encode('content_block_delta', data)),
      canonical('{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"a","a":1}}'),
    );
  });

  it('carry RelayInfo beside whatever they are', () => {
    for (const type of ['ping', 'sunrise']) {
      const wire = codec.createStreamEncoder().encode({ type, data: `{"type":"${type}"}` }, INFO);
      const { relay } = deserialize('CompleteStreamResponse', wire ?? Buffer.alloc(0)) as {
        relay: Record<string, unknown>;
      };
      assert.deepEqual(
        [relay['request_id'], relay['cache_status'], relay['simulated']],
        ['r', 'CACHE_STATUS_MISS', true],
      );
    }
  });

  it('fail where they are no JSON objects, and leave nothing behind', () => {
    const encoder = codec.createStreamEncoder();
    for (const data of ['', '[]', 'null', '{"type":"ping",}', '{"type":"ping"} {}', '{"index":0,"delta":']) {
      assert.throws(() => encoder.encode({ type: 'ping', data }), { reason: 'UPSTREAM_UNAVAILABLE' }, data);
      assert.equal(jsonOf(encoder.encode({ type: 'ping', data: '{}' }) ?? Buffer.alloc(0)), '{"type":"ping"}');
    }
  });
});
