import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { elements, members } from '../../../src/completion/json.ts';
import { canonical } from '../../completion/lossless.ts';
import { body, codec, deserialize, HI, INFO, refusal, serialize, SMALL, toJson, toWire } from './support.ts';

const fixtures = new URL('../../fixtures/', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, fixtures), 'utf8');

/** The JSON as it is after protobuf, read and written by another implementation on the way. */
function throughProtobuf(name: string, json: string): string {
  return toJson(name, serialize(name, deserialize(name, toWire(name, json))));
}

function assertKept(name: string, json: string): void {
  assert.equal(canonical(throughProtobuf(name, json)), canonical(json));
}

describe('requests', () => {
  const files = readdirSync(new URL('requests/', fixtures));
  for (const file of files.filter((name) => /^1[0-5]/.test(name))) {
    it(`of beta features pass whole: ${file}`, () => {
      assertKept('CompleteRequest', members(read(`requests/${file}`)).get('body') ?? '');
    });
  }

  it('keep the order of keys and the spelling of numbers in free-form JSON to the byte', () => {
    const json = read('requests/20-key-order-and-numbers.json');
    const upstream = codec.decodeRequest('messages', toWire('CompleteRequest', json)).body;
    for (const tool of elements(members(json).get('tools') ?? '[]')) {
      const schema = members(tool).get('input_schema');
      assert.ok(schema !== undefined && upstream.includes(`"input_schema":${schema}`));
    }
  });

  it('keep half of a surrogate pair in Json.text, where strings of protobuf cannot have one', () => {
    const [turn = ''] = elements(members(read('requests/21-lone-surrogate-escape.json')).get('messages') ?? '');
    const content = members(turn).get('content') ?? '';
    assert.match(content, /\\ud83d half/);
    const block = `{"type":"text","text":${content}}`;
    const request = { ...SMALL, messages: [{ role: 'user', content: [{ other: { text: block } }] }] };
    assert.ok(body(request).includes(block));
    assert.throws(
      () => toWire('CompleteRequest', read('requests/21-lone-surrogate-escape.json')),
      /half a surrogate pair/,
    );
  });

  it('cannot say a key twice', () => {
    const twice = '{"model":"claude-haiku-5-5"}';
    assert.equal(
      refusal(serialize('CompleteRequest', { ...SMALL, extra: { text: twice } })).violations[0]?.field,
      'extra',
    );
    // On the wire the last one counts, and it is the only one that goes upstream.
    const wire = toWire('CompleteRequest', read('requests/22-duplicate-keys.json'));
    const decoded = codec.decodeRequest('messages', wire);
    assert.equal(decoded.model, 'claude-haiku-5-5');
    assert.deepEqual(decoded.body.match(/"model":"[^"]*"/g), ['"model":"claude-haiku-5-5"']);
  });

  it('say the same as a string and as a list of one text block', () => {
    const parts = elements(read('requests/24-string-vs-array-shorthand.json'));
    for (const key of ['content', 'system'] as const) {
      const [short = '', long = ''] = parts
        .map((part) => members(part).get(key))
        .filter((value) => value !== undefined);
      const whole = (value: string): string =>
        key === 'system'
          ? `{"model":"m","system":${value}}`
          : `{"model":"m","messages":[{"role":"user","content":${value}}]}`;
      assert.equal(throughProtobuf('CompleteRequest', whole(short)), throughProtobuf('CompleteRequest', whole(long)));
    }
  });

  it('keep strings and objects of the shapes that the proto does not have', () => {
    for (const part of elements(read('requests/24-string-vs-array-shorthand.json'))) {
      const [[key, value] = ['', '']] = [...members(part)];
      const json = body({ ...SMALL, messages: [HI], extra: { text: `{"x_${key}":${value}}` } });
      assert.ok(json.endsWith(`"x_${key}":${value}}`));
    }
  });
});

describe('answers', () => {
  const files = readdirSync(new URL('responses/', fixtures));
  for (const file of files.filter((name) => !/^3[01]/.test(name))) {
    it(`are read by other implementations of protobuf without loss: ${file}`, () => {
      const json = read(`responses/${file}`);
      const wire = codec.encodeWhole('messages', json, INFO);
      const { message, relay } = deserialize('CompleteResponse', wire) as { message: object; relay: object };
      assert.equal(canonical(toJson('Message', serialize('Message', message))), canonical(json));
      assert.deepEqual(
        { ...relay },
        {
          ...relay,
          request_id: 'r',
          cache_status: 'CACHE_STATUS_MISS',
          cost_usd: 0.125,
          simulated: true,
          queued: { nanos: 1_500_000 },
          upstream_time_to_first_byte: { seconds: '2', nanos: 250_000 },
        },
      );
    });
  }

  for (const file of files.filter((name) => /^3[01]/.test(name))) {
    it(`that count tokens too: ${file}`, () => {
      const json = read(`responses/${file}`);
      const { relay, ...counted } = deserialize('CountTokensResponse', codec.encodeWhole('count_tokens', json, INFO));
      assert.ok(relay);
      assert.equal(
        canonical(toJson('CountTokensResponse', serialize('CountTokensResponse', counted))),
        canonical(json),
      );
    });
  }

  it('that list models too', () => {
    const json = read('models/02-list.json');
    const { relay, ...page } = deserialize('ListModelsResponse', codec.encodeWhole('models', json, INFO));
    assert.ok(relay);
    assert.equal(canonical(toJson('ListModelsResponse', serialize('ListModelsResponse', page))), canonical(json));
    for (const file of ['01-model', '03-model-unknown-lifecycle-and-line'])
      assertKept('ModelInfo', read(`models/${file}.json`));
  });

  for (const nothing of [
    'null',
    '[]',
    '""',
    '{',
    '{} {}',
    '{"id":"m",}',
    '{"content":[{"type":"text","text":"a"},]}',
    '',
  ]) {
    it(`that are none are an upstream failure: ${nothing}`, () => {
      assert.throws(() => codec.encodeWhole('messages', nothing, INFO), { reason: 'UPSTREAM_UNAVAILABLE' });
      assert.throws(() => codec.encodeWhole('count_tokens', nothing, INFO), { reason: 'UPSTREAM_UNAVAILABLE' });
      const { message } = deserialize('CompleteResponse', codec.encodeWhole('messages', '{"id":"next"}', INFO));
      assert.deepEqual({ ...(message as object) }, { id: 'next', _id: 'id' });
    });
  }
});
