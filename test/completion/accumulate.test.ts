import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import fc from 'fast-check';
import { Accumulator } from '../../src/completion/accumulate.ts';
import { RelayError } from '../../src/completion/errors.ts';
import { elements, members } from '../../src/completion/json.ts';
import { replay } from '../../src/completion/replay.ts';
import type { StreamEvent } from '../../src/completion/reply.ts';
import { EventReader } from '../../src/providers/event-reader.ts';
import { canonical } from './lossless.ts';

const fixtures = new URL('../fixtures/', import.meta.url);

function transcripts(folder: string): string[] {
  return readdirSync(new URL(folder, fixtures))
    .filter((file) => file.endsWith('.sse'))
    .map((file) => `${folder}${file}`);
}

function read(file: string): Buffer {
  return readFileSync(new URL(file, fixtures));
}

/** What the relay makes of the bytes. Throws where the stream does not end well. */
function ours(bytes: Uint8Array): string {
  const accumulator = new Accumulator();
  const reader = new EventReader((event) => accumulator.add(event));
  reader.feed(bytes);
  reader.end();
  return accumulator.finish();
}

/** What the official SDK makes of the same bytes; its beta stream knows every kind that ours accumulates. */
async function theirs(bytes: Buffer): Promise<string> {
  const headers = { 'content-type': 'text/event-stream' };
  const client = new Anthropic({
    apiKey: 'test',
    maxRetries: 0,
    fetch: async () => new Response(new Uint8Array(bytes), { headers }),
  });
  const stream = client.beta.messages.stream({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] });
  return JSON.stringify(await stream.finalMessage());
}

/** Numbers as JavaScript reads them, as the SDK's objects hold them. */
function asNumbers(json: string): string {
  return canonical(JSON.stringify(JSON.parse(json)));
}

/** The SDK drops counters of `message_delta` that it does not know; the relay keeps them. */
const KEPT_BY_US: Readonly<Record<string, string>> = {
  'streams/28-unknown-event-and-block.sse': '"future_counter":7,',
};
describe('accumulate', () => {
  for (const file of [...transcripts('streams/'), ...transcripts('recorded/')]) {
    it(`makes of ${file} what the official SDK makes of it`, async (t) => {
      const bytes = read(file);
      const expected = await theirs(bytes).catch(() => undefined);
      if (expected === undefined) {
        t.diagnostic('the stream does not end well, and both say so');
        assert.throws(() => ours(bytes));
        return;
      }
      assert.equal(asNumbers(ours(bytes)).replace(KEPT_BY_US[file] ?? '', ''), asNumbers(expected));
    });
  }

  it('keeps the spelling of numbers and the order of keys in tool input', () => {
    const message = ours(read('streams/34-tool-input-number-precision.sse'));
    const raw = read('streams/34-tool-input-number-precision.sse').toString();
    const pieces = [...raw.matchAll(/"partial_json":("(?:[^"\\]|\\.)*")/g)].map((match) =>
      String(JSON.parse(match[1] ?? '""')),
    );
    assert.ok(message.includes(`"input":${pieces.join('')}`));
  });

  it('keeps input that is no JSON as a JSON string', () => {
    const accumulator = new Accumulator();
    const add = (type: string, rest: string): void => accumulator.add({ type, data: `{"type":"${type}",${rest}}` });
    add('message_start', '"message":{"content":[]}');
    add('content_block_start', '"index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}');
    add('content_block_delta', '"index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\": oops"}');
    add('message_stop', '"x":1');
    assert.equal(
      members(elements(members(accumulator.finish()).get('content') ?? '')[0] ?? '').get('input'),
      '"{\\"a\\": oops"',
    );
  });

  it('refuses a stream that ends without message_stop', () => {
    const accumulator = new Accumulator();
    accumulator.add({ type: 'message_start', data: '{"type":"message_start","message":{"content":[]}}' });
    assert.throws(
      () => accumulator.finish(),
      (thrown) => thrown instanceof RelayError && thrown.reason === 'STREAM_INTERRUPTED',
    );
  });

  it('joins surrogate pairs cut between deltas', () => {
    const text = accumulateText(['"\\ud83d"', '"\\ude00!"']);
    assert.equal(JSON.parse(text ?? ''), '😀!');
  });
});

function accumulateText(pieces: readonly string[]): string | undefined {
  const accumulator = new Accumulator();
  const add = (type: string, rest: string): void => accumulator.add({ type, data: `{"type":"${type}",${rest}}` });
  add('message_start', '"message":{"content":[]}');
  add('content_block_start', '"index":0,"content_block":{"type":"text","text":""}');
  for (const piece of pieces) add('content_block_delta', `"index":0,"delta":{"type":"text_delta","text":${piece}}`);
  add('message_stop', '"x":1');
  return members(elements(members(accumulator.finish()).get('content') ?? '[]')[0] ?? '{}').get('text');
}

describe('replay', () => {
  const answers = readdirSync(new URL('responses/', fixtures)).filter((file) => /^(0|1|2)\d/.test(file));
  for (const file of answers) {
    it(`tells ${file} as events that accumulate to it again`, async () => {
      const message = read(`responses/${file}`).toString();
      const events = [...replay(message)];
      const accumulator = new Accumulator();
      for (const event of events) accumulator.add(event);
      assert.equal(canonical(accumulator.finish()), canonical(message));
      assert.equal(asNumbers(await theirs(sse(events))), asNumbers(message));
    });
  }

  it('keeps members of shapes that no delta has', () => {
    const odd = ['null', '5', '[1]', '{"a":1}', '""', '"{}"', '"\\ud83d"', 'true', '{}'];
    for (const value of odd) {
      for (const block of [
        `{"type":"text","text":${value}}`,
        `{"type":"text","text":"a","citations":${value}}`,
        `{"type":"thinking","thinking":${value},"signature":${value}}`,
        `{"type":"tool_use","id":"t","name":"n","input":${value}}`,
      ]) {
        const message = `{"id":"m","content":[${block}],"usage":{"output_tokens":1}}`;
        const accumulator = new Accumulator();
        for (const event of replay(message)) accumulator.add(event);
        assert.equal(accumulator.finish(), message);
      }
    }
  });

  it('tells input that was no JSON as it was streamed', () => {
    const message = '{"content":[{"type":"tool_use","input":"{\\"a\\": oops"}],"usage":{}}';
    const deltas = [...replay(message)].filter(({ type }) => type === 'content_block_delta').map(({ data }) => data);
    assert.deepEqual(deltas, [
      '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\": oops"}}',
    ]);
  });

  it('is an upstream failure where there is no Message to tell', () => {
    for (const text of ['', '[]', '{"content":5}', '{"content":[5]}', '{"content":[{}]', 'null']) {
      assert.throws(() => [...replay(text)], { reason: 'UPSTREAM_UNAVAILABLE' }, text);
    }
    assert.equal([...replay('{"content":null}')].length, 3);
  });

  it('is undone by accumulating, for any content', () => {
    const block = fc.oneof(
      fc.record({ type: fc.constant('text'), text: fc.string({ unit: 'grapheme' }) }),
      fc.record({
        type: fc.constant('tool_use'),
        id: fc.string(),
        name: fc.string(),
        input: fc.dictionary(fc.string(), fc.jsonValue()),
      }),
      fc.record({ type: fc.constant('thinking'), thinking: fc.string(), signature: fc.string() }),
      fc.record({ type: fc.constant('hologram'), frames: fc.jsonValue() }),
    );
    const answer = fc.record({
      id: fc.string(),
      content: fc.array(block),
      stop_reason: fc.string(),
      usage: fc.constant({ output_tokens: 3 }),
    });
    fc.assert(
      fc.property(answer, (message) => {
        const accumulator = new Accumulator();
        for (const event of replay(JSON.stringify(message))) accumulator.add(event);
        assert.equal(canonical(accumulator.finish()), canonical(JSON.stringify(message)));
      }),
    );
  });
});

function sse(events: readonly StreamEvent[]): Buffer {
  return Buffer.from(
    events.map(({ type, data }) => `event: ${type}\ndata: ${data.replaceAll('\n', '\ndata: ')}\n\n`).join(''),
  );
}
