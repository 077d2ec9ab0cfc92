import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  brotliCompressSync,
  brotliDecompressSync,
  createGunzip,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { chooseEncoding } from '../../src/simulator/http/encoding.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { HEADERS, HELLO, post, start, typesOf } from './client.ts';
import { ManualClock } from './manual-clock.ts';

let simulator: Simulator;

before(async () => {
  simulator = await start({ outputTokens: { from: 400, to: 400 } });
});
after(() => simulator.close());

function exchange(target: Simulator, headers: Record<string, string>, body: Buffer) {
  const outgoing = request(`${target.url}/v1/messages`, {
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    agent: false,
  });
  outgoing.end(body);
  return once(outgoing, 'response') as Promise<[IncomingMessage]>;
}

const PLAIN = Buffer.from(JSON.stringify(HELLO));
const ENCODED = {
  gzip: gzipSync(PLAIN),
  deflate: deflateSync(PLAIN),
  br: brotliCompressSync(PLAIN),
  zstd: zstdCompressSync(PLAIN),
} as const;

test('request bodies may be compressed in each of the codings', async () => {
  for (const [coding, bytes] of Object.entries(ENCODED)) {
    const [response] = await exchange(simulator, { 'content-encoding': coding }, bytes);
    assert.equal(response.statusCode, 200, await text(response));
  }
});

test('bytes that are not of their coding are refused', async () => {
  const [response] = await exchange(simulator, { 'content-encoding': 'gzip' }, PLAIN);
  assert.equal(response.statusCode, 400);
  assert.match(await text(response), /request_body_encoding_invalid/);
});

test('a coding that is switched off is answered with 400, or with 415 as gateways do', async () => {
  await using strict = await start({ acceptedEncodings: [], unsupportedEncodingStatus: 415 });
  const send = async (): Promise<readonly [number | undefined, string | undefined]> => {
    const [response] = await exchange(strict, { 'content-encoding': 'zstd' }, ENCODED.zstd);
    response.resume();
    const accepts = response.headers['accept-encoding'];
    return [response.statusCode, Array.isArray(accepts) ? accepts.join() : accepts];
  };
  assert.deepEqual(await send(), [415, 'identity']);
  strict.setAcceptedEncodings(['gzip']);
  assert.deepEqual(await send(), [415, 'gzip']);
  strict.setAcceptedEncodings(['gzip', 'zstd']);
  assert.deepEqual((await send())[0], 200);
  const [response] = await exchange(simulator, { 'content-encoding': 'compress' }, PLAIN);
  assert.equal(response.statusCode, 400);
  assert.match(await text(response), /request_body_encoding_unsupported/);
});

test('a body over 32 MB is refused, before or after decoding', async () => {
  const large = Buffer.alloc(32 * 1024 * 1024 + 1, ' ');
  const [declared] = await exchange(simulator, {}, large);
  assert.equal(declared.statusCode, 413);
  assert.equal(declared.headers.server, 'cloudflare');
  assert.match(await text(declared), /"type":"request_too_large"/);
  const [chunked] = await exchange(simulator, { 'transfer-encoding': 'chunked' }, large);
  assert.equal(chunked.statusCode, 413);
  chunked.resume();
  const [bomb] = await exchange(simulator, { 'content-encoding': 'gzip' }, gzipSync(large));
  assert.equal(bomb.statusCode, 413);
  assert.match(await text(bomb), /request_body_too_large_after_decoding/);
});

test('charsets are those of the API', async () => {
  const send = async (charset: string, body: Buffer): Promise<number | undefined> => {
    const [response] = await exchange(simulator, { 'content-type': `application/json; charset=${charset}` }, body);
    response.resume();
    return response.statusCode;
  };
  const accented = JSON.stringify(HELLO).replace('Hello', 'Café');
  assert.equal(await send('utf-8', Buffer.from(accented)), 200);
  assert.equal(await send('ISO-8859-1', Buffer.from(accented, 'latin1')), 200);
  assert.equal(await send('utf-8', Buffer.from(accented, 'latin1')), 400);
  assert.equal(await send('utf-16', Buffer.from(accented)), 400);
});

test('whole answers are compressed for clients that ask', async () => {
  const decoders = { gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync, zstd: zstdDecompressSync };
  for (const [coding, decode] of Object.entries(decoders)) {
    const [response] = await exchange(simulator, { 'accept-encoding': coding }, PLAIN);
    assert.equal(response.headers['content-encoding'], coding);
    const message = JSON.parse(decode(await buffer(response)).toString()) as { type: string };
    assert.equal(message.type, 'message');
  }
  const [plain] = await exchange(simulator, { 'accept-encoding': 'identity' }, PLAIN);
  assert.equal(plain.headers['content-encoding'], undefined);
  plain.resume();
});

test('a compressed stream gives each event as soon as it is made', async () => {
  const clock = new ManualClock();
  const latency = parseLatency('0+1s/event');
  await using compressing = await start({ clock, latency, compression: 'all', outputTokens: { from: 4, to: 4 } });
  const body = Buffer.from(JSON.stringify({ ...HELLO, stream: true }));
  const [response] = await exchange(compressing, { 'accept-encoding': 'gzip' }, body);
  assert.equal(response.headers['content-encoding'], 'gzip');
  const decoded = response.pipe(createGunzip());
  const [first] = (await once(decoded, 'data')) as [Buffer];
  assert.deepEqual(typesOf(first.toString()), ['message_start', 'content_block_start', 'ping']);
  await clock.waitingFor(1);
  clock.advance(1_000);
  assert.equal(typesOf(await text(decoded)).at(-1), 'message_stop');
});

test('accept-encoding is weighed', () => {
  assert.equal(chooseEncoding(undefined), undefined);
  assert.equal(chooseEncoding('gzip, deflate'), 'gzip');
  assert.equal(chooseEncoding('gzip;q=0.5, zstd;q=0.8'), 'zstd');
  assert.equal(chooseEncoding('br;q=0, *;q=0.1'), 'zstd');
  assert.equal(chooseEncoding('identity, snappy'), undefined);
});

test('bodies are remembered only when asked for', async () => {
  await using recording = await start({ recordBodies: true });
  await post(recording, HELLO);
  assert.equal(recording.requests()[0]?.body, JSON.stringify(HELLO));
  await post(simulator, HELLO);
  assert.equal(simulator.requests().at(-1)?.body, undefined);
});
