/**
 * The relay against an oracle: what callers get for the recorded and composed transcripts, over real sockets and however
 * TCP cuts them, is what the official SDK makes of the same bytes.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setImmediate as round } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import { Stream } from '@anthropic-ai/sdk/core/streaming';
import { type ServiceError, status } from '@grpc/grpc-js';
import { elements, members } from '../../src/completion/json.ts';
import { canonical } from '../completion/lossless.ts';
import { cutsOf, pieces, transcripts } from '../providers/fixtures.ts';
import { errorInfo } from '../server/support.ts';
import { eventOf, jsonOf } from './core-json.ts';
import { ask, type CoreRelay, type Event, type Fields, metadataOf, startCore } from './core-relay.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url);
const RESPONSES = new URL('responses/', FIXTURES);

/** What the upstream answers with, and where it cuts it. */
interface Script {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly cuts?: readonly number[];
}

const STREAM = 'text/event-stream; charset=utf-8';
const JSON_TYPE = 'application/json';

/** Scripts by the id of the call that is to get them: the relay passes it on upstream. */
const scripts = new Map<string, Script>();

const upstream = createServer((request, response) => {
  request.resume().on('end', () => void play(request, response));
});

async function play({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
  const script = scripts.get(String(headers['x-request-id']));
  assert(script !== undefined, 'a call without a script');
  response.socket?.setNoDelay(true);
  response.writeHead(200, { 'content-type': script.contentType, 'request-id': 'req_oracle' });
  for (const piece of pieces(script.bytes, script.cuts ?? [])) {
    await new Promise<void>((resolve) => response.write(piece, () => resolve()));
    await round();
  }
  response.end();
}

/** The events of the bytes as the SDK reads them, pings included, up to an error. */
async function eventsBySdk(bytes: Buffer): Promise<string[]> {
  const read: string[] = [];
  for await (const { event, data } of Stream.rawEvents(new Response(new Uint8Array(bytes)))) {
    if (event === 'error') break;
    if (event !== null && data !== '') read.push(canonical(typed(data, event)));
    if (event === 'message_stop') break;
  }
  return read;
}

/** Where a payload leaves its type to the name of the event (transcript 49), the relay says it. */
function typed(data: string, name: string): string {
  return members(data).has('type') ? data : `{"type":${JSON.stringify(name)},${data.trim().slice(1)}`;
}

/** The message that the SDK makes of the bytes; undefined where it does not take them for a complete answer. */
async function messageBySdk(bytes: Buffer): Promise<string | undefined> {
  const headers = { 'content-type': STREAM };
  const client = new Anthropic({
    apiKey: 'test',
    maxRetries: 0,
    fetch: async () => new Response(new Uint8Array(bytes), { headers }),
  });
  const stream = client.beta.messages.stream({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] });
  return stream.finalMessage().then(JSON.stringify, () => undefined);
}

/** Null and absent alike, numbers as JavaScript reads them. */
function comparable(json: string): string {
  return canonical(JSON.stringify(JSON.parse(json)));
}

function toSse(events: readonly Event[]): Buffer {
  const frames = events
    .map(eventOf)
    .map(({ type, data }) => `event: ${type}\ndata: ${data.replaceAll('\n', '\ndata: ')}\n\n`);
  return Buffer.from(frames.join(''));
}

/** The same sequence for the same seed (Numerical Recipes' LCG). */
function* random(seed: number): Generator<number, never> {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

function seededCuts(length: number, count: number, seed: number): number[] {
  const numbers = random(seed);
  const cuts = Array.from({ length: count }, () => 1 + Math.floor(numbers.next().value * (length - 1)));
  return [...new Set(cuts)].sort((a, b) => a - b);
}

/** Ways to cut a transcript. */
function cutsFor(name: string, bytes: Buffer): (readonly number[])[] {
  const seeded = [3, 12, 40].map((count, seed) => seededCuts(bytes.length, count, bytes.length + seed));
  const hasSidecar = name === '40-crlf.sse' || name === '60-long-unicode.sse';
  return [[], ...seeded, ...(hasSidecar ? [cutsOf(name)] : [])];
}

type Ending = readonly [code: status, reason: string];

/** How the transcripts that do not end well end for a streaming caller, and for a unary one. */
const BAD_ENDS: Readonly<Record<string, { readonly stream: Ending; readonly unary: Ending }>> = {
  '13-error-mid-stream-overloaded.sse': {
    stream: [status.UNAVAILABLE, 'STREAM_INTERRUPTED'],
    unary: [status.UNAVAILABLE, 'UPSTREAM_OVERLOADED'],
  },
  '14-error-before-message-start.sse': {
    stream: [status.UNAVAILABLE, 'UPSTREAM_OVERLOADED'],
    unary: [status.UNAVAILABLE, 'UPSTREAM_OVERLOADED'],
  },
  '15-error-mid-tool-input-api-error.sse': {
    stream: [status.UNAVAILABLE, 'STREAM_INTERRUPTED'],
    unary: [status.UNAVAILABLE, 'UPSTREAM_UNAVAILABLE'],
  },
  '29-truncated-no-message-stop.sse': {
    stream: [status.UNAVAILABLE, 'STREAM_INTERRUPTED'],
    unary: [status.UNAVAILABLE, 'STREAM_INTERRUPTED'],
  },
  '47-no-trailing-blank-line.sse': {
    stream: [status.UNAVAILABLE, 'STREAM_INTERRUPTED'],
    unary: [status.UNAVAILABLE, 'STREAM_INTERRUPTED'],
  },
};

/** The SDK drops counters of `message_delta` that it does not know; where the relay accumulates, it keeps them. */
const KEPT_BY_US: Readonly<Record<string, string>> = { '28-unknown-event-and-block.sse': '"future_counter":7,' };

function endingOf(error: ServiceError | undefined): Ending {
  assert(error !== undefined, 'the call must not end well');
  return [error.code, errorInfo(error).reason];
}

describe('the relay, held against the official SDK', () => {
  let relay: CoreRelay;
  let streamingRelay: CoreRelay;
  let calls = 0;

  before(async () => {
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const { port } = upstream.address() as AddressInfo;
    const start = (streamUnaryAbove: number): Promise<CoreRelay> =>
      startCore({
        accounts: [
          { name: 'main', api_key: 'sk-test', regions: [{ name: 'local', base_url: `http://127.0.0.1:${port}` }] },
        ],
        upstream: {
          retry: { max_attempts: 1 },
          // The transcripts that break must not take the endpoint away from those that follow.
          breaker: { minimum_requests: 1_000_000 },
          stream_unary_above: streamUnaryAbove,
        },
      });
    [relay, streamingRelay] = await Promise.all([start(100_000), start(0)]);
  });
  after(async () => {
    await relay[Symbol.asyncDispose]();
    await streamingRelay[Symbol.asyncDispose]();
    upstream.close();
    upstream.closeAllConnections();
  });

  /** A call that nobody else makes, and what it is to be answered with. */
  function prepare(script: Script) {
    const id = `oracle-${++calls}`;
    scripts.set(id, script);
    // An overload sets a model aside: each call names one of its own.
    return {
      request: ask(`Question ${calls}`, { model: `claude-${calls}` }),
      made: { metadata: metadataOf({ 'x-request-id': id }) },
    };
  }

  async function streamed(script: Script): Promise<{ events: Event[]; error?: ServiceError }> {
    const { request, made } = prepare(script);
    return relay.client.readStream(request, made);
  }

  async function completed(from: CoreRelay, script: Script): Promise<{ message?: string; error?: ServiceError }> {
    const { request, made } = prepare(script);
    const { answer, error } = await from.client.ask('Complete', request, made);
    if (error !== undefined) return { error };
    return { message: jsonOf('Message', answer?.['message'] as Fields) };
  }

  for (const { name, bytes } of transcripts()) {
    it(`streams ${name} event by event, and to the same message, however it is cut`, async () => {
      const expected = await eventsBySdk(bytes);
      const message = await messageBySdk(bytes);
      assert.equal(message === undefined, name in BAD_ENDS);
      for (const cuts of cutsFor(name, bytes)) {
        const { events, error } = await streamed({ bytes, contentType: STREAM, cuts });
        if (message === undefined) {
          assert.deepEqual(endingOf(error), BAD_ENDS[name]?.stream);
          const isGated = BAD_ENDS[name]?.stream[1] !== 'STREAM_INTERRUPTED';
          assert.deepEqual(
            events.map((event) => canonical(eventOf(event).data)),
            isGated ? [] : expected,
          );
          continue;
        }
        assert.equal(error, undefined);
        assert.deepEqual(
          events.map((event) => canonical(eventOf(event).data)),
          expected,
        );
        assert.equal(comparable((await messageBySdk(toSse(events))) ?? ''), comparable(message));
        assert.deepEqual(
          events.map((event) => event.relay !== null && event.relay !== undefined),
          events.map((_, index) => index === 0 || index === events.length - 1),
        );
      }
    });

    it(`completes ${name} to the same message, asked for as a stream upstream`, async () => {
      const message = await messageBySdk(bytes);
      for (const cuts of cutsFor(name, bytes).slice(0, 2)) {
        const completion = await completed(streamingRelay, { bytes, contentType: STREAM, cuts });
        if (message === undefined) {
          assert.deepEqual(endingOf(completion.error), BAD_ENDS[name]?.unary);
          continue;
        }
        assert.equal(completion.error, undefined);
        const ours = comparable(completion.message ?? '').replace(KEPT_BY_US[name] ?? '', '');
        assert.equal(ours, comparable(message));
      }
    });
  }

  for (const name of readdirSync(RESPONSES).filter((file) => !file.includes('count-tokens'))) {
    it(`hands on ${name} as it is, whole and as events`, async () => {
      const bytes = readFileSync(new URL(name, RESPONSES));
      const script = { bytes, contentType: JSON_TYPE, cuts: seededCuts(bytes.length, 5, bytes.length) };
      const completion = await completed(relay, script);
      assert.equal(canonical(completion.message ?? ''), canonical(bytes.toString()));
      const { events, error } = await streamed(script);
      assert.equal(error, undefined);
      assert.equal(comparable((await messageBySdk(toSse(events))) ?? ''), comparable(bytes.toString()));
    });
  }

  for (const [rpc, type, file] of [
    ['CountTokens', 'CountTokensResponse', 'responses/30-count-tokens.json'],
    ['CountTokens', 'CountTokensResponse', 'responses/31-count-tokens-beta-context-management.json'],
    ['ListModels', 'ListModelsResponse', 'models/02-list.json'],
  ] as const) {
    it(`hands on ${file} as it is`, async () => {
      const bytes = readFileSync(new URL(file, FIXTURES));
      const { request, made } = prepare({ bytes, contentType: JSON_TYPE });
      const { max_tokens: _, ...prompt } = request;
      const { answer, error } = await relay.client.ask(rpc, rpc === 'ListModels' ? {} : prompt, made);
      assert.equal(error, undefined);
      assert.equal(canonical(jsonOf(type, answer ?? {})), canonical(bytes.toString()));
    });
  }

  it('keeps the exact text of tool input, numbers beyond a double included', async () => {
    const bytes = readFileSync(new URL('streams/34-tool-input-number-precision.sse', FIXTURES));
    const sent = [...bytes.toString().matchAll(/"partial_json":("(?:[^"\\]|\\.)*")/g)].map(([, piece = '""']) =>
      String(JSON.parse(piece)),
    );
    const { message = '' } = await completed(streamingRelay, { bytes, contentType: STREAM });
    const inputs = elements(members(message).get('content') ?? '[]').map((block) => members(block).get('input'));
    assert.ok(inputs.includes(sent.join('')), inputs.join());
  });
});
