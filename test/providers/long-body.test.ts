/** Requests that are sent piece by piece: nobody can tell by what arrives, and wherever sending ends, its reason is told. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';
import { setImmediate as settled } from 'node:timers/promises';
import { RelayError } from '../../src/completion/errors.ts';
import { callOf, errorOf, readAll, streamOf, wholeOf } from './calls.ts';
import { JSON_HEADERS, listening, MESSAGE, providerFor, START, STOP, STREAM_HEADERS, upstream } from './upstream.ts';

/** Some megabytes, more than sockets hold between them. */
const TEXT = 'a prompt of letters, ümlauts and 😀. '.repeat(150_000);
const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: TEXT }], max_tokens: 1 });

describe('a long request', { timeout: 20_000 }, () => {
  for (const wantsStream of [false, true]) {
    it(`arrives byte for byte, with its length, ${wantsStream ? 'for a stream' : 'for a whole answer'}`, async (test) => {
      const server = await upstream(test, (response) => {
        if (wantsStream) response.writeHead(200, STREAM_HEADERS).end(START + STOP);
        else response.writeHead(200, JSON_HEADERS).end(MESSAGE);
      });
      const provider = providerFor(test, server.url);
      for (let time = 0; time < 2; time++) {
        const reply = await provider.send(callOf({ body, wantsStream }));
        if (wantsStream) await readAll(streamOf(reply).events);
        else assert.equal(wholeOf(reply).body, MESSAGE.trim());
        // By then undici has put the connection back.
        await settled();
      }
      const expected = wantsStream ? `${body.slice(0, -1)},"stream":true}` : body;
      for (const { body: arrived, headers } of server.received) {
        assert.ok(arrived.equals(Buffer.from(expected)));
        assert.equal(headers['content-length'], String(Buffer.byteLength(expected)));
        assert.equal(headers['transfer-encoding'], undefined);
      }
      assert.equal(server.received.length, 2);
      assert.equal(server.opened(), 1, 'the connection is kept');
    });
  }

  it('that is refused before all of it is there gets the refusal', async (test) => {
    const server = createServer((_request, response) => {
      const error = { type: 'request_too_large', message: 'Request exceeds the maximum size' };
      response.writeHead(413, JSON_HEADERS).end(JSON.stringify({ type: 'error', error }));
    });
    const { url } = await listening(test, server);
    const { reason } = await errorOf(providerFor(test, url).send(callOf({ body })));
    assert.equal(reason, 'REQUEST_TOO_LARGE');
  });

  it('whose connection breaks on the way fails like any other', async (test) => {
    const server = createServer((request) => request.once('data', () => request.socket.destroy()));
    const { url } = await listening(test, server);
    const { reason } = await errorOf(providerFor(test, url).send(callOf({ body })));
    assert.equal(reason, 'UPSTREAM_UNAVAILABLE');
  });

  it('that is given up on the way ends with the socket', async (test) => {
    const abort = new AbortController();
    const why = new RelayError('CANCELLED', 'enough');
    const closed = Promise.withResolvers<void>();
    const server = createServer((request) => {
      request.socket.on('close', () => closed.resolve());
      abort.abort(why);
      request.resume();
    });
    const { url } = await listening(test, server);
    assert.equal(await errorOf(providerFor(test, url).send(callOf({ body, signal: abort.signal }))), why);
    await closed.promise;
  });
});
