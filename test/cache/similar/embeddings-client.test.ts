import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';

import { Agent } from 'undici';

import {
  createEmbeddingsClient,
  EmbeddingsMalformed,
  EmbeddingsRefused,
  EmbeddingsUnavailable,
  type Embed,
  type EmbeddingsClientOptions,
} from '../../../src/cache/similar/embeddings-client.ts';

type Answer = (request: IncomingMessage, body: string, response: ServerResponse) => void;

/** What the protocol's reference implementations answer; last text first, for the order is not promised. */
const faithful: Answer = (_, body, response) => {
  const { input, model }: { input: string[]; model: string } = JSON.parse(body);
  const data = input.map((text, index) => ({ object: 'embedding', index, embedding: [text.length, 1, 0.5] }));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ object: 'list', data: data.toReversed(), model, usage: { prompt_tokens: 1 } }));
};

describe('the embeddings client', () => {
  let answer: Answer = faithful;
  const dispatcher = new Agent();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => answer(request, body, response));
  });

  function client(options: Partial<EmbeddingsClientOptions> = {}): Embed {
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return createEmbeddingsClient({
      baseUrl: `http://127.0.0.1:${address.port}/`,
      model: 'small',
      timeout: 5_000,
      maxResponseBytes: 10_000,
      dispatcher,
      ...options,
    });
  }

  const never = new AbortController().signal;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  beforeEach(() => {
    answer = faithful;
  });

  after(async () => {
    await dispatcher.destroy();
    server.closeAllConnections();
    server.close();
  });

  it('asks as the protocol says and returns the vectors in the order of the texts', async () => {
    let seen: { method?: string; url?: string; key?: string; body?: unknown } = {};
    answer = (request, body, response) => {
      const { method = '', url = '', headers } = request;
      seen = { method, url, key: headers.authorization ?? '', body: JSON.parse(body) };
      faithful(request, body, response);
    };
    const vectors = await client({ apiKey: 'secret' })(['a', 'bcd'], never);
    assert.deepEqual(vectors, [Float32Array.from([1, 1, 0.5]), Float32Array.from([3, 1, 0.5])]);
    assert.deepEqual(seen, {
      method: 'POST',
      url: '/v1/embeddings',
      key: 'Bearer secret',
      body: { model: 'small', input: ['a', 'bcd'], encoding_format: 'float' },
    });
  });

  it('asks nothing for no texts', async () => {
    answer = () => assert.fail('asked');
    assert.deepEqual(await client()([], never), []);
  });

  it('tells a refusal with its status, and neither text nor key', async () => {
    answer = (_, body, response) => {
      response.statusCode = 429;
      response.end(body);
    };
    await assert.rejects(client({ apiKey: 'secret' })(['private text'], never), (error) => {
      assert.ok(error instanceof EmbeddingsRefused);
      assert.equal(error.status, 429);
      assert.doesNotMatch(error.message, /private|secret/);
      return true;
    });
  });

  it('refuses answers that are not what the protocol promises', async () => {
    for (const body of [
      'not json',
      '{}',
      '{"data":[]}',
      '{"data":[{"index":1,"embedding":[1]}]}',
      '{"data":[{"index":0,"embedding":["1"]}]}',
      '{"data":[{"index":0,"embedding":[]}]}',
      `{"data":"${'x'.repeat(20_000)}"}`,
    ]) {
      answer = (_, __, response) => response.end(body);
      await assert.rejects(client()(['a'], never), EmbeddingsMalformed, body.slice(0, 40));
    }
  });

  it('gives up on a server that hangs up or does not answer in time', async () => {
    answer = (request) => request.socket.destroy();
    await assert.rejects(client()(['a'], never), EmbeddingsUnavailable);
    answer = () => undefined;
    await assert.rejects(client({ timeout: 20 })(['a'], never), EmbeddingsUnavailable);
  });

  it('lets the caller give up, with the reason of the signal', async () => {
    const caller = new AbortController();
    const reason = new Error('the caller went away');
    answer = () => caller.abort(reason);
    await assert.rejects(client()(['a'], caller.signal), reason);
    await assert.rejects(client()(['a'], caller.signal), reason);
  });
});
