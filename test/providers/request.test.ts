import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Call } from '../../src/completion/call.ts';
import type { AnthropicOptions } from '../../src/providers/anthropic.ts';
import { callOf, errorOf, readAll, streamOf, wholeOf } from './calls.ts';
import {
  API_KEY,
  JSON_HEADERS,
  MESSAGE,
  providerFor,
  type Received,
  type Respond,
  START,
  STOP,
  STREAM_HEADERS,
  upstream,
} from './upstream.ts';

/** Answers a request as its path and body ask. */
const answering: Respond = (response, { path, body }) => {
  if (body.includes('"stream":true')) response.writeHead(200, STREAM_HEADERS).end(START + STOP);
  else if (path.endsWith('/count_tokens')) response.writeHead(200, JSON_HEADERS).end('{"input_tokens":3}');
  else if (path.includes('/models')) response.writeHead(200, JSON_HEADERS).end('{"data":[]}');
  else response.writeHead(200, JSON_HEADERS).end(MESSAGE);
};

/** Sends one call to an upstream that answers as it is asked, and gives what arrived there. */
async function sent(
  test: TestContext,
  call: Partial<Call>,
  options: Partial<AnthropicOptions> = {},
  prefix = '',
): Promise<Received> {
  const server = await upstream(test, answering);
  const reply = await providerFor(test, server.url + prefix, options).send(callOf(call));
  if (reply.kind === 'stream') await readAll(reply.events);
  const [received] = server.received;
  assert(received !== undefined);
  return received;
}

describe('requests to the Messages API', () => {
  it('posts the body byte for byte', async (test) => {
    const body = '{"model":"m","max_tokens":1.0,"big":9007199254740993,"text":"ä😀\\ud83d"}';
    const { method, path, headers, body: arrived } = await sent(test, { body });
    assert.equal(arrived.toString(), body);
    assert.deepEqual([method, path], ['POST', '/v1/messages']);
    assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
  });

  it('adds "stream" as the last member and changes nothing before it', async (test) => {
    const body = '{"model":"m","messages":[{}],"metadata":{}}';
    const { body: arrived } = await sent(test, { body, wantsStream: true });
    assert.equal(arrived.toString(), '{"model":"m","messages":[{}],"metadata":{},"stream":true}');
    const empty = await sent(test, { body: '{}', wantsStream: true });
    assert.equal(empty.body.toString(), '{"stream":true}');
  });

  it('sends the headers of the API, and those that the call brings', async (test) => {
    const { headers } = await sent(test, {
      id: 'my-request',
      options: { ...callOf().options, apiVersion: '2026-10-21', betas: ['one-2026-01-01', 'two-2026-01-01'] },
      traceContext: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=1,b=2' },
    });
    const { host, 'content-length': length, connection, ...rest } = headers;
    assert(host && length && connection);
    assert.deepEqual(rest, {
      'content-type': 'application/json',
      'x-api-key': API_KEY,
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'one-2026-01-01,two-2026-01-01',
      'user-agent': 'claude-relay/0.0.0',
      'accept-encoding': 'gzip, br, zstd',
      'x-request-id': 'my-request',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'a=1,b=2',
    });
  });

  it('sends no beta and no trace headers where there are none, and asks for streams uncompressed', async (test) => {
    const { headers } = await sent(test, { wantsStream: true });
    assert.equal('anthropic-beta' in headers || 'traceparent' in headers || 'tracestate' in headers, false);
    assert.equal(headers['accept-encoding'], 'identity');
  });

  it('counts tokens without a stream', async (test) => {
    const { path, body } = await sent(test, { operation: 'count_tokens', maxTokens: 0, wantsStream: true });
    assert.equal(path, '/v1/messages/count_tokens');
    assert.equal(body.includes('stream'), false);
  });

  it('lists models by a query and without a body', async (test) => {
    const { method, path, headers, body } = await sent(test, {
      operation: 'models',
      body: 'limit=2&after_id=a%2Fb',
      maxTokens: 0,
    });
    assert.deepEqual([method, path, body.length], ['GET', '/v1/models?limit=2&after_id=a%2Fb', 0]);
    assert.equal('content-type' in headers || 'content-length' in headers, false);
    assert.equal((await sent(test, { operation: 'models', body: '' })).path, '/v1/models');
  });

  it('keeps the path prefix of the base URL', async (test) => {
    assert.equal((await sent(test, {}, {}, '/proxy/claude/')).path, '/proxy/claude/v1/messages');
  });

  it('streams long answers of callers that want none, but never a cache warm-up', async (test) => {
    const server = await upstream(test, answering);
    const provider = providerFor(test, server.url, { streamUnaryAbove: 21_333 });
    const kindOf = async (call: Partial<Call>) => {
      const reply = await provider.send(callOf(call));
      if (reply.kind === 'stream') await readAll(reply.events);
      return reply.kind;
    };
    assert.equal(await kindOf({ maxTokens: 21_334 }), 'stream');
    assert.equal(await kindOf({ maxTokens: 21_333 }), 'whole');
    assert.equal(await kindOf({ maxTokens: 0, wantsStream: true }), 'whole');
    assert.equal(await kindOf({ maxTokens: 30_000, operation: 'count_tokens' }), 'whole');
  });

  for (const [coding, decode] of [
    ['gzip', gunzipSync],
    ['zstd', zstdDecompressSync],
  ] as const) {
    it(`compresses bodies with ${coding}, small ones and large ones`, async (test) => {
      for (const text of ['Hi', 'Hello '.repeat(50_000)]) {
        const body = JSON.stringify({ model: 'm', text });
        const { headers, body: arrived } = await sent(test, { body }, { requestCompression: coding });
        assert.equal(headers['content-encoding'], coding);
        assert.equal(decode(arrived).toString(), body);
      }
      const models = await sent(test, { operation: 'models', body: '' }, { requestCompression: coding });
      assert.equal('content-encoding' in models.headers, false);
    });
  }

  for (const [why, status, code] of [
    ['a 415', 415, undefined],
    ['an unsupported coding', 400, 'request_body_encoding_unsupported'],
    ['an unreadable coding', 400, 'request_body_encoding_invalid'],
  ] as const) {
    it(`gives compression up for good after ${why}, and repeats the call uncompressed`, async (test) => {
      const server = await upstream(test, (response, { headers }) => {
        if (headers['content-encoding'] === undefined) {
          response.writeHead(200, JSON_HEADERS).end(MESSAGE);
          return;
        }
        const error = { type: 'invalid_request_error', message: 'No', details: code && { error_code: code } };
        response.writeHead(status, JSON_HEADERS).end(JSON.stringify({ type: 'error', error }));
      });
      const provider = providerFor(test, server.url, { requestCompression: 'gzip' });
      const replies = await Promise.all([provider.send(callOf()), provider.send(callOf())]);
      for (const reply of replies) assert.equal(wholeOf(reply).body, MESSAGE);
      await provider.send(callOf());
      assert.deepEqual(
        server.received.map(({ headers }) => headers['content-encoding']),
        ['gzip', 'gzip', undefined, undefined, undefined],
      );
      assert.equal(server.received.at(-1)?.body.toString(), callOf().body);
    });
  }

  it('keeps compressing after a refusal of another kind', async (test) => {
    const server = await upstream(test, (response) => response.writeHead(400, JSON_HEADERS).end('{}'));
    const provider = providerFor(test, server.url, { requestCompression: 'gzip' });
    await errorOf(provider.send(callOf()));
    await errorOf(provider.send(callOf()));
    assert.deepEqual(
      server.received.map(({ headers }) => headers['content-encoding']),
      ['gzip', 'gzip'],
    );
  });

  for (const requestCompression of ['none', 'gzip'] as const) {
    it(`signs what is sent, with compression ${requestCompression}`, async (test) => {
      const { headers, body } = await sent(
        test,
        { wantsStream: true },
        {
          requestCompression,
          signingSecret: { reveal: () => 'shared' },
          clock: { now: () => 0, epoch: () => Date.parse('2026-11-20T10:00:00.123Z') },
        },
      );
      assert.equal(headers['x-relay-timestamp'], '2026-11-20T10:00:00.123Z');
      const expected = createHmac('sha256', 'shared').update('2026-11-20T10:00:00.123Z:').update(body).digest('hex');
      assert.equal(headers['x-relay-signature'], expected);
    });
  }

  it('asks for the key at every call', async (test) => {
    const server = await upstream(test, (response) => response.writeHead(200, JSON_HEADERS).end(MESSAGE));
    let key = 'sk-old';
    const provider = providerFor(test, server.url, { apiKey: { reveal: () => key } });
    await provider.send(callOf());
    key = 'sk-new';
    await provider.send(callOf());
    assert.deepEqual(
      server.received.map(({ headers }) => headers['x-api-key']),
      ['sk-old', 'sk-new'],
    );
  });

  it('sends nothing with a key that no header can carry, and blames the operator', async (test) => {
    const server = await upstream(test, (response) => response.end());
    const provider = providerFor(test, server.url, { apiKey: { reveal: () => 'sk-a\r\nx-evil: 1' } });
    const error = await errorOf(provider.send(callOf()));
    assert.deepEqual([error.reason, error.scope], ['UPSTREAM_CREDENTIALS', 'credential']);
    assert.doesNotMatch(error.message, /sk-a/);
    assert.equal(server.received.length, 0);
  });

  it('refuses what a caller cannot put into a header or a path', async (test) => {
    const server = await upstream(test, (response) => response.end());
    const provider = providerFor(test, server.url);
    for (const call of [
      { options: { ...callOf().options, betas: ['a\r\nx-api-key: stolen'] } },
      { id: 'a\nb' },
      { operation: 'models', body: 'a b' },
    ] as const) {
      assert.equal((await errorOf(provider.send(callOf(call)))).reason, 'INVALID_REQUEST');
    }
    assert.equal(server.received.length, 0);
  });

  it('streams where the API decides to, and takes a whole answer for a stream where it does not', async (test) => {
    const server = await upstream(test, (response, { body }) => {
      if (body.includes('"stream":true')) response.writeHead(200, JSON_HEADERS).end(MESSAGE);
      else response.writeHead(200, STREAM_HEADERS).end(START + STOP);
    });
    const provider = providerFor(test, server.url);
    assert.equal(wholeOf(await provider.send(callOf({ wantsStream: true }))).body, MESSAGE);
    const { events } = await readAll(streamOf(await provider.send(callOf())).events);
    assert.equal(events.length, 2);
  });
});
