import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { brotliCompressSync, createGzip, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Call, Operation } from '../../src/completion/call.ts';
import type { AnthropicOptions } from '../../src/providers/anthropic.ts';
import { EventReader } from '../../src/providers/event-reader.ts';
import { callOf, errorOf, readAll, streamOf, wholeOf } from './calls.ts';
import { cutsOf, pieces, transcript } from './fixtures.ts';
import {
  delta,
  JSON_HEADERS,
  MESSAGE,
  providerFor,
  type Respond,
  sse,
  START,
  STOP,
  STREAM_HEADERS,
  upstream,
} from './upstream.ts';

const CODERS = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync } as const;

async function ask(
  test: TestContext,
  respond: Respond,
  call: Call = callOf(),
  options: Partial<AnthropicOptions> = {},
) {
  const server = await upstream(test, respond);
  return providerFor(test, server.url, options).send(call);
}

async function askStream(test: TestContext, respond: Respond, options: Partial<AnthropicOptions> = {}) {
  return streamOf(await ask(test, respond, callOf({ wantsStream: true }), options));
}

/** Answers with these bytes, each piece in a write of its own. */
function streaming(chunks: Iterable<string | Buffer>, headers: Record<string, string> = STREAM_HEADERS): Respond {
  return (response) => {
    response.writeHead(200, headers);
    void (async () => {
      for (const chunk of chunks) {
        await new Promise((written) => response.write(chunk, written));
        await new Promise((turn) => setImmediate(turn));
      }
      response.end();
    })();
  };
}

describe('whole answers', () => {
  for (const name of readdirSync(new URL('../fixtures/responses', import.meta.url))) {
    it(`hands on ${name} as it came`, async (test) => {
      const bytes = readFileSync(new URL(`../fixtures/responses/${name}`, import.meta.url));
      const operation = /count-tokens|models/.exec(name)?.[0] ?? 'messages';
      const call = callOf({ operation: operation === 'count-tokens' ? 'count_tokens' : (operation as Operation) });
      const reply = wholeOf(await ask(test, (response) => response.writeHead(200, JSON_HEADERS).end(bytes), call));
      assert.equal(reply.body, bytes.toString());
      const usage = JSON.parse(reply.body).usage;
      const settlement = await reply.settled;
      assert.equal(settlement.outcome, 'delivered');
      assert.equal(settlement.usage.output_tokens, usage?.output_tokens);
    });
  }

  it('are errors where status 200 brings one, judged like those of any status', async (test) => {
    const body = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}';
    for (const operation of ['messages', 'count_tokens', 'models'] as const) {
      const respond: Respond = (response) => response.writeHead(200, JSON_HEADERS).end(body);
      const error = await errorOf(ask(test, respond, callOf({ operation })));
      assert.deepEqual([error.reason, error.scope, error.retryable], ['UPSTREAM_OVERLOADED', 'model', true]);
    }
  });

  it('that are JSON, but none of this API, are failures of the endpoint', async (test) => {
    const chat = '{"id":"x","object":"chat.completion","choices":[{"message":{"content":"Hi"}}]}';
    for (const operation of ['messages', 'count_tokens', 'models'] as const) {
      for (const body of ['{}', '[]', 'null', '17', chat]) {
        const respond: Respond = (response) => response.writeHead(200, JSON_HEADERS).end(body);
        const error = await errorOf(ask(test, respond, callOf({ operation })));
        assert.deepEqual([error.reason, error.scope, error.retryable], ['UPSTREAM_UNAVAILABLE', 'endpoint', true]);
      }
    }
  });

  it('may begin with a byte-order mark, which is no part of them', async (test) => {
    const respond: Respond = (response) => response.writeHead(200, JSON_HEADERS).end(`\uFEFF${MESSAGE}`);
    assert.equal(wholeOf(await ask(test, respond)).body, MESSAGE);
  });

  it('joins what came in pieces, cut inside code points', async (test) => {
    const body = Buffer.from('{"content":["ä😀ö"]}');
    const respond = streaming(pieces(body, [14, 17, 19]), JSON_HEADERS);
    assert.equal(wholeOf(await ask(test, respond)).body, body.toString());
  });

  it('tells the trace and the head, and of the headers only those that pacing reads', async (test) => {
    const headers: Record<string, string> = JSON.parse(
      readFileSync(new URL('../fixtures/headers/messages-200-json.json', import.meta.url), 'utf8'),
    );
    const call = callOf();
    const reply = await ask(
      test,
      (response) =>
        response.writeHead(200, { ...headers, 'x-claude-relay-simulator': 'true', 'set-cookie': 'a=b' }).end(MESSAGE),
      call,
      { clock: { now: clockOf([100, 130, 150]), epoch: () => 0 } },
    );
    assert.deepEqual(reply.head?.status, 200);
    assert.deepEqual(
      Object.keys(reply.head?.headers ?? {}).toSorted(),
      Object.keys(headers)
        .filter((name) => name.startsWith('anthropic-') || name === 'request-id')
        .toSorted(),
    );
    assert.deepEqual(
      [call.trace.upstreamStatus, call.trace.upstreamRequestId, call.trace.simulated],
      [200, 'req_fh1', true],
    );
    assert.deepEqual([call.trace.timeToFirstByte, call.trace.upstreamTime], [30, 50]);
  });

  for (const [coding, encode] of Object.entries(CODERS)) {
    it(`decodes ${coding}`, async (test) => {
      const body = JSON.stringify({ content: ['Hello '.repeat(1000)] });
      const headers = { ...JSON_HEADERS, 'content-encoding': coding };
      const reply = await ask(test, (response) => response.writeHead(200, headers).end(encode(body)));
      assert.equal(wholeOf(reply).body, body);
    });

    it(`stops ${coding} that unfolds beyond the bound`, async (test) => {
      const bomb = encode(Buffer.alloc(3_000_000, 0x20));
      const headers = { ...JSON_HEADERS, 'content-encoding': coding };
      const answer = ask(test, (response) => response.writeHead(200, headers).end(bomb), callOf(), {
        maxResponseBytes: 1_000_000,
      });
      assert.equal((await errorOf(answer)).reason, 'RESPONSE_TOO_LARGE');
    });
  }

  it('takes damaged compression, and a coding nobody asked for, as failures of the upstream', async (test) => {
    for (const [coding, body] of [
      ['gzip', Buffer.from('no gzip')],
      ['gzip', gzipSync(MESSAGE).subarray(0, 40)],
      ['compress', Buffer.from(MESSAGE)],
    ] as const) {
      const headers = { ...JSON_HEADERS, 'content-encoding': coding };
      const error = await errorOf(ask(test, (response) => response.writeHead(200, headers).end(body)));
      assert.deepEqual([error.reason, error.scope], ['UPSTREAM_UNAVAILABLE', 'endpoint']);
    }
  });

  it('decodes compressed errors', async (test) => {
    const body = gzipSync('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}');
    const headers = { ...JSON_HEADERS, 'content-encoding': 'gzip' };
    const error = await errorOf(ask(test, (response) => response.writeHead(529, headers).end(body)));
    assert.equal(error.upstream.type, 'overloaded_error');
  });

  it('goes by the status where an error body is endless', async (test) => {
    const server = await upstream(test, (response) => {
      response.writeHead(529, JSON_HEADERS);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, 0x20)));
      };
      response.on('drain', more);
      more();
    });
    const error = await errorOf(providerFor(test, server.url).send(callOf()));
    assert.equal(error.reason, 'UPSTREAM_OVERLOADED');
  });

  it('goes by the status where the error body breaks off', async (test) => {
    const error = await errorOf(
      ask(test, (response) => {
        response.writeHead(529, { ...JSON_HEADERS, 'content-length': '100' });
        response.write('{"type":', () => response.destroy());
      }),
    );
    assert.equal(error.reason, 'UPSTREAM_OVERLOADED');
  });

  for (const [what, body] of [
    ['HTML', '<html></html>'],
    ['nothing', ''],
    ['a number', '7'],
    ['half a message', MESSAGE.slice(0, 20)],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ] as const) {
    it(`does not take ${what} for an answer`, async (test) => {
      const error = await errorOf(ask(test, (response) => response.writeHead(200, JSON_HEADERS).end(body)));
      assert.deepEqual([error.reason, error.retryable, error.scope], ['UPSTREAM_UNAVAILABLE', true, 'endpoint']);
      assert.equal(error.upstream.requestId, 'req_test');
      assert.equal(error.cause, undefined, 'a SyntaxError would quote the answer');
    });
  }

  it('stops reading at the bound, and closes the connection', async (test) => {
    const server = await upstream(test, (response) => {
      response.writeHead(200, JSON_HEADERS);
      response.write(Buffer.alloc(70_000, 0x20));
    });
    const error = await errorOf(providerFor(test, server.url, { maxResponseBytes: 65_536 }).send(callOf()));
    assert.deepEqual([error.reason, error.scope, error.retryable], ['RESPONSE_TOO_LARGE', 'none', false]);
    await closedSocket(server.received[0]?.socket);
  });

  it('takes an answer of exactly the bound', async (test) => {
    const options = { maxResponseBytes: Buffer.byteLength(MESSAGE) };
    const reply = await ask(test, (response) => response.writeHead(200, JSON_HEADERS).end(MESSAGE), callOf(), options);
    assert.equal(wholeOf(reply).body, MESSAGE);
  });

  it('reports an answer that breaks off', async (test) => {
    const error = await errorOf(
      ask(test, (response) => {
        response.writeHead(200, JSON_HEADERS);
        response.write(MESSAGE.slice(0, 10), () => response.destroy());
      }),
    );
    assert.deepEqual([error.reason, error.retryable, error.scope], ['UPSTREAM_UNAVAILABLE', true, 'endpoint']);
    assert.equal(error.head?.status, 200);
  });

  it('passes over informational answers', async (test) => {
    const reply = await ask(test, (response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.writeHead(200, JSON_HEADERS).end(MESSAGE);
    });
    assert.equal(wholeOf(reply).body, MESSAGE);
  });
});

describe('streamed answers', () => {
  for (const [name, cuts] of [
    ['01-plain-text.sse', [1, 400, 401, 900]],
    ['40-crlf.sse', cutsOf('40-crlf.sse').slice(0, 12)],
    ['41-cr-only.sse', [30, 31, 1368]],
    ['44-comments-ids-retry-bom.sse', [1, 2, 3]],
    ['60-long-unicode.sse', cutsOf('60-long-unicode.sse').slice(0, 40)],
  ] as const) {
    it(`delivers ${name} over a socket in ${cuts.length + 1} pieces`, async (test) => {
      const bytes = transcript(name);
      const expected: unknown[] = [];
      const reader = new EventReader((event) => expected.push(event));
      reader.feed(bytes);
      reader.end();
      const reply = await askStream(test, streaming(pieces(bytes, cuts)));
      assert.deepEqual(await readAll(reply.events), { events: expected });
      const { usage, stopReason } = reader;
      assert.deepEqual(await reply.settled, { outcome: 'delivered', usage, stopReason });
      assert.match(stopReason ?? '', /^(end_turn|tool_use)$/);
    });
  }

  for (const [coding, encode] of Object.entries(CODERS)) {
    it(`decodes streams in ${coding}`, async (test) => {
      const headers = { ...STREAM_HEADERS, 'content-encoding': coding };
      const reply = await askStream(test, (response) => {
        response.writeHead(200, headers).end(encode(transcript('60-long-unicode.sse')));
      });
      const { events, error } = await readAll(reply.events);
      assert.equal(error, undefined);
      assert.equal(events.at(-1)?.type, 'message_stop');
      assert.equal((await reply.settled).outcome, 'delivered');
    });
  }

  it('decodes each event as it is flushed', async (test) => {
    const gzip = createGzip();
    const reply = await askStream(test, (response) => {
      response.writeHead(200, { ...STREAM_HEADERS, 'content-encoding': 'gzip' });
      gzip.pipe(response);
      gzip.write(START);
      gzip.flush();
    });
    const events = reply.events[Symbol.asyncIterator]();
    assert.equal((await events.next()).value?.type, 'message_start');
    gzip.end(STOP);
    assert.equal((await events.next()).value?.type, 'message_stop');
    assert.equal((await events.next()).done, true);
  });

  it('throws an error event after what came before it', async (test) => {
    const reply = await askStream(test, streaming([transcript('13-error-mid-stream-overloaded.sse')]));
    const { events, error } = await readAll(reply.events);
    assert.equal(events.at(-1)?.type, 'content_block_delta');
    assert.deepEqual([error?.reason, error?.scope, error?.retryable], ['UPSTREAM_OVERLOADED', 'model', true]);
    assert.equal(error?.upstream.type, 'overloaded_error');
    const settlement = await reply.settled;
    assert.deepEqual([settlement.outcome, settlement.error], ['failed', error]);
    assert.equal(settlement.usage.input_tokens, 25);
  });

  for (const type of ['Text/Event-Stream', 'text/plain; charset=utf-8', 'application/octet-stream', '']) {
    it(`may be of the type "${type}"`, async (test) => {
      const headers: Record<string, string> = type === '' ? {} : { 'content-type': type };
      const reply = await askStream(test, streaming([START, delta('Hi'), STOP], headers));
      assert.equal((await readAll(reply.events)).events.length, 3);
    });
  }

  it('bears events that it does not know, whatever they hold', async (test) => {
    const odd = ['alive', '17', '[1]', 'null', '"s"', '{'].map((data) => `event: heartbeat\ndata: ${data}\n\n`);
    const reply = await askStream(test, streaming([START, ...odd, 'event: ping\ndata: ok\n\n', delta('Hi'), STOP]));
    const { events, error } = await readAll(reply.events);
    assert.equal(error, undefined);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['message_start', 'ping', 'content_block_delta', 'message_stop'],
    );
    assert.equal(events[1]?.data, '{"type":"ping"}');
  });

  for (const [what, chunks] of [
    ['ends without message_stop', [START, delta('Hi')]],
    ['ends within an event', [START, delta('Hi'), 'event: message_stop\ndata: {"type":"message_stop"}\n']],
    ['brings what is no JSON', [START, delta('Hi'), 'event: message_delta\ndata: {"secret\n\n', STOP]],
    ['begins twice', [START, delta('Hi'), START, STOP]],
    ['brings bytes that are no UTF-8', [START, delta('Hi'), Buffer.from([0xff, 0x0a]), STOP]],
  ] as const) {
    it(`is interrupted when it ${what}`, async (test) => {
      const reply = await askStream(test, streaming(chunks));
      const { events, error } = await readAll(reply.events);
      assert.deepEqual(
        events.map((event) => event.type),
        ['message_start', 'content_block_delta'],
      );
      assert.deepEqual([error?.reason, error?.retryable, error?.scope], ['STREAM_INTERRUPTED', true, 'endpoint']);
      assert.deepEqual(error?.upstream, { status: 200, requestId: 'req_test' });
      assert.doesNotMatch(String(error?.cause), /secret/);
      assert.deepEqual((await reply.settled).usage, { input_tokens: 7, output_tokens: 1 });
    });
  }

  it('is interrupted when the connection breaks', async (test) => {
    const reply = await askStream(test, (response) => {
      response.writeHead(200, STREAM_HEADERS);
      response.write(START, () => response.socket?.resetAndDestroy());
    });
    const { events, error } = await readAll(reply.events);
    assert.equal(events.length, 1);
    assert.equal(error?.reason, 'STREAM_INTERRUPTED');
    assert.equal((await reply.settled).outcome, 'failed');
  });

  it('delivers what came in a compressed stream before it broke', async (test) => {
    const gzip = createGzip();
    const reply = await askStream(test, (response) => {
      response.writeHead(200, { ...STREAM_HEADERS, 'content-encoding': 'gzip' });
      gzip.on('data', (chunk) => response.write(chunk));
      gzip.write(START + delta('Hi'));
      gzip.flush(() => setImmediate(() => response.socket?.resetAndDestroy()));
    });
    const { events, error } = await readAll(reply.events);
    assert.equal(error?.reason, 'STREAM_INTERRUPTED');
    assert(events.length <= 2);
  });

  it('counts as complete with message_stop, even when the connection breaks right after it', async (test) => {
    const reply = await askStream(test, (response) => {
      response.writeHead(200, STREAM_HEADERS);
      response.write(START + STOP, () => response.socket?.resetAndDestroy());
    });
    assert.deepEqual((await readAll(reply.events)).error, undefined);
    assert.equal((await reply.settled).outcome, 'delivered');
  });

  it('is cut at the bound, after what came within it, and the connection is closed', async (test) => {
    const server = await upstream(test, (response) => {
      response.writeHead(200, STREAM_HEADERS);
      response.write(START + delta('within') + delta('x'.repeat(2_000)) + STOP);
    });
    const provider = providerFor(test, server.url, { maxResponseBytes: 1_000 });
    const reply = streamOf(await provider.send(callOf({ wantsStream: true })));
    const { events, error } = await readAll(reply.events);
    assert.deepEqual(
      events.map((event) => event.type),
      ['message_start', 'content_block_delta'],
    );
    assert.deepEqual([error?.reason, error?.head?.status], ['RESPONSE_TOO_LARGE', 200]);
    assert.equal((await reply.settled).outcome, 'failed');
    await closedSocket(server.received[0]?.socket);
  });

  it('fails when the upstream falls silent', async (test) => {
    const reply = await askStream(test, (response) => response.writeHead(200, STREAM_HEADERS).write(START), {
      streamIdleMs: 1,
    });
    assert.equal((await readAll(reply.events)).error?.reason, 'STREAM_INTERRUPTED');
  });

  it('settles although nobody reads', async (test) => {
    const complete = await askStream(test, streaming([START + STOP]), { timeoutMs: 20 });
    assert.equal((await complete.settled).outcome, 'abandoned');
    const broken = await askStream(test, streaming([START]));
    assert.equal((await broken.settled).outcome, 'failed');
  });

  it('passes pings and unknown events on', async (test) => {
    const odd = sse('brand_new', { anything: [1, { a: null }] });
    const reply = await askStream(test, streaming([sse('ping'), START, odd, STOP]));
    assert.deepEqual(
      (await readAll(reply.events)).events.map((event) => event.type),
      ['ping', 'message_start', 'brand_new', 'message_stop'],
    );
  });
});

/** Reads off these times, one a call. */
function clockOf(times: number[]): () => number {
  return () => times.shift() ?? assert.fail('the clock was read too often');
}

async function closedSocket(
  socket: { destroyed: boolean; once(event: 'close', done: () => void): unknown } | undefined,
) {
  assert(socket !== undefined);
  if (!socket.destroyed) await new Promise<void>((done) => socket.once('close', done));
}
