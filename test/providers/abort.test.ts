import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { constants, createGzip } from 'node:zlib';
import { RelayError } from '../../src/completion/errors.ts';
import { callOf, errorOf, readAll, streamOf, wholeOf } from './calls.ts';
import {
  delta,
  JSON_HEADERS,
  listening,
  MESSAGE,
  providerFor,
  START,
  STOP,
  STREAM_HEADERS,
  upstream,
} from './upstream.ts';

const reason = () => new RelayError('CANCELLED', 'The caller went away.');

/** A call that can be given up, and how. */
function cancellable(differences: Parameters<typeof callOf>[0] = {}) {
  const { signal, abort } = controllerOf();
  return {
    call: callOf({ ...differences, signal }),
    abort,
    listeners: () => getEventListeners(signal, 'abort').length,
  };
}

function controllerOf() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (why: unknown) => controller.abort(why) };
}

const ONE_CONNECTION = {
  maxConnections: 1,
  idleTimeoutMs: 90_000,
  tlsHandshakeTimeoutMs: 5_000,
  maxRequestsPerConnection: 1_000,
  http2: false,
};

describe('giving a call up', () => {
  it('sends nothing when the call is over already', async (test) => {
    const server = await upstream(test, (response) => response.end());
    const { call, abort, listeners } = cancellable();
    const why = reason();
    abort(why);
    assert.equal(await errorOf(providerFor(test, server.url).send(call)), why);
    assert.equal(server.opened(), 0);
    assert.equal(listeners(), 0);
  });

  for (const head of [false, true]) {
    it(`closes the upstream's socket ${head ? 'within' : 'before'} a whole answer`, async (test) => {
      const { call, abort, listeners } = cancellable();
      const why = reason();
      const server = await upstream(test, (response, { socket }) => {
        if (head) response.writeHead(200, JSON_HEADERS).write(MESSAGE.slice(0, 5));
        setImmediate(() => abort(why));
        socket.on('close', () => closed.resolve());
      });
      const closed = Promise.withResolvers<void>();
      assert.equal(await errorOf(providerFor(test, server.url).send(call)), why);
      await closed.promise;
      assert.equal(listeners(), 0);
      assert.equal(call.trace.upstreamTime > 0, true);
    });
  }

  it('rejects the reader in the same tick, and closes the socket of a stream', async (test) => {
    const server = await upstream(test, (response) => response.writeHead(200, STREAM_HEADERS).write(START));
    const { call, abort, listeners } = cancellable({ wantsStream: true });
    const reply = streamOf(await providerFor(test, server.url).send(call));
    const events = reply.events[Symbol.asyncIterator]();
    await events.next();
    const waiting = events.next();
    let rejected: unknown;
    waiting.catch((error: unknown) => {
      rejected = error;
    });
    const why = reason();
    abort(why);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    assert.equal(rejected, why);
    assert.deepEqual(await reply.settled, {
      outcome: 'abandoned',
      error: why,
      usage: { input_tokens: 7, output_tokens: 1 },
    });
    const [received] = server.received;
    assert(received !== undefined);
    if (!received.socket.destroyed) await once(received.socket, 'close');
    assert.equal(listeners(), 0);
  });

  it('closes the socket when the reader leaves', async (test) => {
    const server = await upstream(test, (response) => response.writeHead(200, STREAM_HEADERS).write(START));
    const { call, listeners } = cancellable({ wantsStream: true });
    const reply = streamOf(await providerFor(test, server.url).send(call));
    for await (const event of reply.events) {
      assert.equal(event.type, 'message_start');
      break;
    }
    const [received] = server.received;
    assert(received !== undefined);
    if (!received.socket.destroyed) await once(received.socket, 'close');
    assert.equal((await reply.settled).outcome, 'abandoned');
    assert.equal(listeners(), 0);
  });

  it('takes effect while the connection is being made', async (test) => {
    const server = await listening(test, createServer());
    const { call, abort } = cancellable();
    const provider = providerFor(test, server.url);
    const answer = errorOf(provider.send(call));
    const why = reason();
    abort(why);
    assert.equal(await answer, why);
    await provider.close();
  });

  it('leaves a connection that was being made to the next call', async (test) => {
    const server = await upstream(test, (response) => response.writeHead(200, JSON_HEADERS).end(MESSAGE));
    const provider = providerFor(test, server.url, { pool: ONE_CONNECTION });
    const { call, abort } = cancellable();
    const given = errorOf(provider.send(call));
    abort(reason());
    await given;
    wholeOf(await provider.send(callOf()));
    assert.equal(server.received.length, 1);
    assert.equal(server.opened(), 1, 'the connection was not thrown away unused');
  });

  it('takes effect while the call waits for a connection, and leaves the connection to others', async (test) => {
    const held = Promise.withResolvers<() => void>();
    const server = await upstream(test, (response) => {
      const answer = () => response.writeHead(200, JSON_HEADERS).end(MESSAGE);
      if (server.received.length === 1) held.resolve(answer);
      else answer();
    });
    const provider = providerFor(test, server.url, { pool: ONE_CONNECTION });
    const first = provider.send(callOf());
    const { call, abort, listeners } = cancellable();
    const second = errorOf(provider.send(call));
    const third = provider.send(callOf({ id: 'third' }));
    const answerFirst = await held.promise;
    abort(reason());
    assert.equal((await second).reason, 'CANCELLED');
    assert.equal(listeners(), 0);
    answerFirst();
    await Promise.all([first, third]);
    assert.deepEqual(
      server.received.map(({ headers }) => headers['x-request-id']),
      ['call-1', 'third'],
    );
    assert.equal(server.opened(), 1, 'the one connection served both');
  });

  it('leaves no listeners and no sockets behind after 2,000 calls given up at every stage', async (test) => {
    const server = await upstream(test, (response, { body }) => {
      if (body.includes('"stream":true')) response.writeHead(200, STREAM_HEADERS).write(START + delta('Hi'));
      else response.writeHead(200, JSON_HEADERS).write('{');
    });
    const provider = providerFor(test, server.url);
    const { signal } = controllerOf();
    const calls = Array.from({ length: 2_000 }, async (_, index) => {
      const own = controllerOf();
      const call = callOf({ wantsStream: index % 2 === 0, signal: AbortSignal.any([signal, own.signal]) });
      const answer = provider.send(call);
      if (index % 4 === 0) {
        const reply = streamOf(await answer);
        const events = reply.events[Symbol.asyncIterator]();
        await events.next();
        own.abort(reason());
        assert.equal((await reply.settled).outcome, 'abandoned');
      } else {
        setImmediate(() => own.abort(reason()));
        const reply = await answer.catch((error: unknown) => error);
        if (!(reply instanceof RelayError)) await streamOf(reply as Awaited<typeof answer>).settled;
      }
      return getEventListeners(call.signal, 'abort').length;
    });
    assert.equal(
      (await Promise.all(calls)).reduce((sum, count) => sum + count, 0),
      0,
    );
    await provider.close();
    for (const socket of server.sockets) await once(socket, 'close');
    assert.equal(server.sockets.size, 0);
  });

  it('leaves no listeners on a signal that 10,000 calls share', async (test) => {
    const server = await upstream(test, (response, { body }) => {
      if (body.includes('"stream":true')) response.writeHead(200, STREAM_HEADERS).end(START + STOP);
      else response.writeHead(200, JSON_HEADERS).end(MESSAGE);
    });
    const provider = providerFor(test, server.url);
    const { signal } = controllerOf();
    for (let round = 0; round < 100; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const reply = await provider.send(callOf({ signal, wantsStream: index % 2 === 0 }));
          if (reply.kind === 'stream') await readAll(reply.events);
        }),
      );
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    }
  });
});

describe('back-pressure', () => {
  for (const coding of ['identity', 'gzip'] as const) {
    it(`stops the upstream's writes while nobody reads, and goes on when somebody does, ${coding}`, async (test) => {
      // More than the kernel's buffers on both sides hold.
      const total = 24 * 1024 * 1024;
      let written = 0;
      const stalled = Promise.withResolvers<void>();
      const event = delta('x'.repeat(8_000));
      const server = await upstream(test, (response) => {
        response.writeHead(200, { ...STREAM_HEADERS, 'content-encoding': coding });
        const out = coding === 'gzip' ? createGzip({ level: constants.Z_NO_COMPRESSION }) : response;
        if (out !== response) out.pipe(response);
        out.write(START);
        const more = () => {
          while (written < total) {
            written += event.length;
            if (out.write(event)) continue;
            // A write that is still not taken after so long waits for the reader.
            const timer = setTimeout(() => stalled.resolve(), 300);
            out.once('drain', () => {
              clearTimeout(timer);
              more();
            });
            return;
          }
          out.end(STOP);
          stalled.resolve();
        };
        more();
      });
      const provider = providerFor(test, server.url, { maxResponseBytes: 2 * total });
      const reply = streamOf(await provider.send(callOf({ wantsStream: true })));
      await stalled.promise;
      assert(written < total, 'everything was taken although nobody read');
      let events = 0;
      for await (const _event of reply.events) events++;
      assert.equal(events, 2 + Math.ceil(total / event.length));
    });
  }
});
