/** Every kind of answer that the API gives, asked for in one form and again in the other: kept and replayed, or not kept. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { accumulate } from '../../src/completion/accumulate.ts';
import { canonical } from '../completion/lossless.ts';
import { eventOf, jsonOf } from './core-json.ts';
import { type CoreRelay, type Event, type Fields, settingsFor, startCore } from './core-relay.ts';
import { startUpstream, type Written } from './core-upstream.ts';
import { ask, infoOf } from './reuse-relay.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url);
const KEPT = new Set(['end_turn', 'stop_sequence', 'tool_use']);

let upstream: Written;
let relay: CoreRelay;
let asked = 0;

/** Answers with the file that the prompt names. */
before(async () => {
  upstream = await startUpstream((response, body) => {
    asked += 1;
    const [file = ''] = /(?:responses|streams)\/[^"]+/.exec(body) ?? [];
    response.setHeader('content-type', file.endsWith('.sse') ? 'text/event-stream' : 'application/json');
    response.end(readFileSync(new URL(file, FIXTURES)));
  });
  const settings = {
    upstream: { retry: { max_attempts: 1 }, breaker: { minimum_requests: 1_000 } },
    cache: { refresh_ahead: 1 },
  };
  relay = await startCore(settingsFor(upstream.url, settings));
});
after(async () => {
  await relay[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

function filesOf(folder: string, ending: string): string[] {
  return readdirSync(new URL(folder, FIXTURES))
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}${file}`);
}

/** The JSON of the answer to a unary call; undefined where it fails. */
async function whole(file: string): Promise<{ message: string; status: string | undefined } | undefined> {
  const { answer } = await relay.client.ask('Complete', ask(file));
  if (answer === undefined) return undefined;
  return { message: canonical(jsonOf('Message', answer['message'] as Fields)), status: infoOf(answer).cache_status };
}

/** The same of a stream, and its events; undefined where it breaks. */
async function streamed(
  file: string,
): Promise<{ message: string; status: string | undefined; events: Event[] } | undefined> {
  const { events, error } = await relay.client.readStream(ask(file));
  if (error !== undefined) return undefined;
  return { message: await messageOf(events), status: infoOf(events[0]).cache_status, events };
}

async function messageOf(events: readonly Event[]): Promise<string> {
  async function* source() {
    for (const event of events) yield eventOf(event);
  }
  return canonical(await accumulate(source()));
}

/** The message that the official SDK makes of the events. */
async function bySdk(events: readonly Event[]): Promise<string> {
  const text = events
    .map(eventOf)
    .map(({ type, data }) => `event: ${type}\ndata: ${data.replaceAll('\n', ' ')}\n\n`)
    .join('');
  const headers = { 'content-type': 'text/event-stream' };
  const client = new Anthropic({ apiKey: 'test', maxRetries: 0, fetch: async () => new Response(text, { headers }) });
  const stream = client.beta.messages.stream({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] });
  return canonical(JSON.stringify(await stream.finalMessage()));
}

/** Holds events against the order of the API: a start, blocks one after the other, a delta, a stop. */
function assertOrder(events: readonly Event[]): void {
  const order = events
    .map(eventOf)
    .map(({ type, data }) => {
      const { index }: { index?: number } = JSON.parse(data);
      return index === undefined ? type : `${type} ${index}`;
    })
    .join('\n');
  assert.match(
    order,
    /^message_start\n(?:content_block_start (\d+)\n(?:content_block_delta \1\n)*content_block_stop \1\n)*message_delta\nmessage_stop$/,
  );
  const indexes = [...order.matchAll(/^content_block_start (\d+)/gm)].map(([, index]) => Number(index));
  assert.deepEqual(indexes, [...indexes.keys()]);
}

function isKept(message: string): boolean {
  const { stop_reason: reason }: { stop_reason?: string } = JSON.parse(message);
  return KEPT.has(reason ?? '');
}

describe('an answer that came whole', () => {
  const files = filesOf('responses/', '.json').filter((file) =>
    /"type":\s*"message"/.test(readFileSync(new URL(file, FIXTURES), 'utf8')),
  );
  for (const file of files) {
    it(`is replayed to streaming callers, or not kept where it is not complete: ${file}`, async () => {
      const before = asked;
      const first = await whole(file);
      assert.equal(first?.status, 'CACHE_STATUS_MISS');
      const original = readFileSync(new URL(file, FIXTURES), 'utf8');
      assert.equal(first?.message, canonical(original));
      if (!isKept(original)) {
        assert.deepEqual([(await whole(file))?.status, asked - before], ['CACHE_STATUS_MISS', 2]);
        return;
      }
      const [again, replayed] = [await whole(file), await streamed(file)];
      assert.deepEqual([again?.status, again?.message], ['CACHE_STATUS_HIT', first?.message]);
      assert.deepEqual([replayed?.status, replayed?.message], ['CACHE_STATUS_HIT', first?.message]);
      assertOrder(replayed?.events ?? []);
      assert.equal(await bySdk(replayed?.events ?? []), first?.message);
      assert.equal(asked - before, 1);
    });
  }
});

describe('an answer that came as a stream', () => {
  for (const file of filesOf('streams/', '.sse')) {
    it(`serves callers of either form, or is not kept where it is not complete: ${file}`, async () => {
      const before = asked;
      const first = await streamed(file);
      if (first === undefined || !isKept(first.message)) {
        await streamed(file);
        assert.equal(asked - before, 2);
        return;
      }
      const [again, replayed] = [await whole(file), await streamed(file)];
      assert.deepEqual([again?.status, again?.message], ['CACHE_STATUS_HIT', first.message]);
      assert.deepEqual([replayed?.status, replayed?.message], ['CACHE_STATUS_HIT', first.message]);
      assertOrder(replayed?.events ?? []);
      assert.equal(asked - before, 1);
    });
  }
});
