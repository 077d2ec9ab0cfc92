/** Floods beneath gRPC: each is bounded, and callers on other connections do not feel it. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Client } from '@grpc/grpc-js';
import {
  errorCode,
  FLAG,
  FRAME,
  type Frame,
  frame,
  grpcHeaders,
  headerBlock,
  hpackInteger,
  RawConnection,
} from './raw-http2.ts';
import { ask, bearer, call, type SecuredRelay, server, startSecured, tokenOf, verdict } from './secured-relay.ts';

const PATH = '/claude.relay.v1.RelayService/Complete';
const TOKEN = bearer(tokenOf('search-team'));
const CALL = grpcHeaders(PATH, TOKEN);
const MAX_STREAMS = 100;
const BATCH = 500;

/** Error codes of RFC 9113, 7. */
const CANCEL = 8;
const REFUSED_STREAM = 7;

const isGoaway = ({ type }: Frame): boolean => type === FRAME.GOAWAY;
const isReset = ({ type }: Frame): boolean => type === FRAME.RST_STREAM;

describe('a flood on one connection', () => {
  let relay: SecuredRelay;
  let client: Client;
  let connection: RawConnection;

  before(async () => {
    relay = await startSecured({ settings: server({ max_concurrent_streams: MAX_STREAMS }) });
    client = relay.connect();
  });
  after(() => relay[Symbol.asyncDispose]());

  afterEach(async () => {
    connection.destroy();
    assert.equal(verdict(await call(client, TOKEN)), 'OK', 'another connection is served');
    const left = async (): Promise<number> => JSON.parse((await relay.admin('/healthz')).text).in_flight;
    while ((await left()) > 0) await new Promise(setImmediate);
  });

  /** Writes batches until the relay closes the connection, at most so many. */
  async function flood(batches: number, batch: (index: number) => Buffer[]): Promise<void> {
    connection = await RawConnection.open(relay.port);
    for (let index = 0; index < batches && !connection.isClosed; index += 1) {
      connection.write(...batch(index));
      await new Promise(setImmediate);
    }
  }

  /** The relay has closed the connection, and said so where it could. */
  async function closedByRelay(): Promise<void> {
    await connection.closed;
    for (const { payload } of connection.frames.filter(isGoaway)) assert.ok(payload.length >= 8);
  }

  it('of calls that are reset as soon as they begin ends with the connection (CVE-2023-44487)', async () => {
    const reset = Buffer.alloc(4);
    reset.writeUInt32BE(CANCEL);
    await flood(100, (batch) =>
      Array.from({ length: BATCH }, (_, index) => {
        const stream = 1 + 2 * (batch * BATCH + index);
        return Buffer.concat([connection.headers(stream, CALL), frame(FRAME.RST_STREAM, FLAG.NONE, stream, reset)]);
      }),
    );
    await closedByRelay();
    assert.ok(connection.frames.some(isGoaway));
  });

  it('of calls that the relay is made to reset ends with the connection (CVE-2025-8671)', async () => {
    await flood(100, (batch) =>
      Array.from({ length: BATCH }, (_, index) => {
        const stream = 1 + 2 * (batch * BATCH + index);
        // An increment of zero is an error of the stream (RFC 9113, 6.9).
        return Buffer.concat([
          connection.headers(stream, CALL),
          frame(FRAME.WINDOW_UPDATE, FLAG.NONE, stream, Buffer.alloc(4)),
        ]);
      }),
    );
    await closedByRelay();
  });

  it('of more calls at once than a connection may have is refused, call by call', async () => {
    connection = await RawConnection.open(relay.port);
    await connection.roundTrip();
    connection.write(...Array.from({ length: 3 * MAX_STREAMS }, (_, index) => connection.headers(1 + 2 * index, CALL)));
    await connection.roundTrip();
    const { in_flight } = JSON.parse((await relay.admin('/healthz')).text) as { readonly in_flight: number };
    assert.equal(in_flight, MAX_STREAMS);
    const refused = connection.frames.filter(isReset);
    assert.ok(refused.length > 0);
    for (const each of refused) assert.equal(errorCode(each), REFUSED_STREAM);
  });

  for (const [what, type, payload] of [
    ['pings', FRAME.PING, Buffer.alloc(8)],
    ['settings', FRAME.SETTINGS, Buffer.alloc(0)],
  ] as const) {
    it(`of ${what} whose answers are not read ends with the connection (CVE-2019-9512, CVE-2019-9515)`, async () => {
      connection = await RawConnection.open(relay.port);
      connection.socket.pause();
      for (let batch = 0; batch < 1000 && connection.socket.writable && !connection.socket.destroyed; batch += 1) {
        connection.write(...Array.from({ length: BATCH }, () => frame(type, FLAG.NONE, 0, payload)));
        await new Promise(setImmediate);
        if (connection.socket.writableLength > 4 * 1024 * 1024) break;
      }
      connection.socket.resume();
      await closedByRelay();
    });
  }

  it('of pings at a pace at which they are answered hinders nobody else', async () => {
    connection = await RawConnection.open(relay.port);
    for (let round = 0; round < 200; round += 1) {
      connection.write(...Array.from({ length: 20 }, () => frame(FRAME.PING, FLAG.NONE, 0, Buffer.alloc(8))));
      await connection.roundTrip();
    }
    assert.equal(connection.isClosed, false);
  });

  it('of CONTINUATION frames ends with the connection, empty ones too (VU#421644)', async () => {
    for (const part of [headerBlock([['x-filler', 'a'.repeat(1000)]]), Buffer.alloc(0)]) {
      connection = await RawConnection.open(relay.port);
      connection.write(frame(FRAME.HEADERS, FLAG.NONE, 1, headerBlock(CALL)));
      for (let sent = 0; sent < 1000 && !connection.isClosed; sent += 1) {
        connection.write(frame(FRAME.CONTINUATION, FLAG.NONE, 1, part));
        if (sent % 10 === 0) await new Promise(setImmediate);
      }
      await closedByRelay();
    }
  });

  it('of empty DATA frames ends with the connection (CVE-2019-9518)', async () => {
    await flood(200, (batch) => [
      ...(batch === 0 ? [connection.headers(1, CALL)] : []),
      ...Array.from({ length: BATCH }, () => frame(FRAME.DATA, FLAG.NONE, 1)),
    ]);
    await closedByRelay();
  });

  it('of headers that unfold to megabytes is refused, call by call', async () => {
    connection = await RawConnection.open(relay.port);
    // An entry of 4,000 bytes goes into the table of the connection once, and is named 10,000 times by one byte each.
    const entry = Buffer.concat([
      Buffer.from([0x40]),
      hpackInteger(1, 7),
      Buffer.from('x'),
      hpackInteger(4000, 7),
      Buffer.alloc(4000, 'a'),
    ]);
    const block = Buffer.concat([headerBlock(CALL), entry, Buffer.alloc(10_000, 0x80 | 62)]);
    connection.write(frame(FRAME.HEADERS, FLAG.END_HEADERS, 1, block));
    const { stream } = await connection.find(isReset);
    assert.equal(stream, 1);
  });

  it('of bytes that are no HTTP/2 ends with the connection', async () => {
    for (const bytes of ['GET / HTTP/1.1\r\nhost: relay\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00', 'a'.repeat(1000)]) {
      connection = await RawConnection.open(relay.port, Buffer.from(bytes, 'latin1'));
      await closedByRelay();
    }
  });
});

describe('a relay that takes only so many connections', () => {
  it('closes those beyond, and takes others when some have gone', async () => {
    await using relay = await startSecured({ settings: server({ max_connections: 3 }) });
    const kept = await Promise.all([1, 2, 3].map(() => RawConnection.open(relay.port)));
    await Promise.all(kept.map((each) => each.roundTrip()));
    assert.equal(
      verdict(await call(relay.connect(), TOKEN, ask(), { deadline: 500 })).replace('DEADLINE_EXCEEDED', 'UNAVAILABLE'),
      'UNAVAILABLE',
    );
    assert.match(relay.log(), /all 3 connections are taken: further ones are refused/);
    for (const each of kept) each.destroy();
    await Promise.all(kept.map(({ closed }) => closed));
    let after = '';
    while (after !== 'OK') after = verdict(await call(relay.connect(), TOKEN));
  });

  it('closes a connection that says nothing, and does not answer', { timeout: 30_000 }, async () => {
    await using relay = await startSecured({ settings: server({ keepalive_time: '1s', keepalive_timeout: '100ms' }) });
    const silent = await RawConnection.open(relay.port);
    // It is pinged and answers nothing: this client leaves all frames unanswered.
    await silent.closed;
    assert.ok(silent.frames.some(({ type, flags }) => type === FRAME.PING && flags === FLAG.NONE));
  });
});
