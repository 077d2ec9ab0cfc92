/** Requests that are too much: too large, too deep, too many. Each is refused with its reason, before anything is sent on. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Client } from '@grpc/grpc-js';
import { gzipSync } from 'node:zlib';
import {
  ask,
  bearer,
  call,
  type Outcome,
  type SecuredRelay,
  server,
  startSecured,
  tokenOf,
  verdict,
} from './secured-relay.ts';
import { FLAG, FRAME, frame, grpcHeaders, grpcMessage, RawConnection } from './raw-http2.ts';

const TOKEN = bearer(tokenOf('search-team'));
const KIB = 1024;
const INVALID = 'INVALID_ARGUMENT INVALID_REQUEST';
const TOO_LARGE = 'RESOURCE_EXHAUSTED REQUEST_TOO_LARGE';

const text = (content: string) => ({ text: { text: content } });
const turn = (content: object) => ({ role: 'user', content: [content] });
const tool = { custom: { name: 'f', input_schema: { text: '{"type":"object"}' } } };
const json = (document: string) => ({ messages: [turn({ other: { text: document } })] });

describe('a request that is too much', () => {
  let relay: SecuredRelay;
  let client: Client;

  before(async () => {
    relay = await startSecured({ settings: server({ max_request_bytes: '8MiB' }) });
    client = relay.connect();
  });
  after(() => relay[Symbol.asyncDispose]());

  async function refused(outcome: Promise<Outcome>, as: string, message: RegExp): Promise<void> {
    const before = relay.upstreamCalls();
    const { message: said, ...rest } = await outcome;
    assert.equal(verdict({ message: said, ...rest }), as, said);
    assert.match(said, message);
    assert.equal(relay.upstreamCalls(), before);
  }

  async function accepted(outcome: Promise<Outcome>): Promise<void> {
    const { message, ...rest } = await outcome;
    assert.equal(verdict({ message, ...rest }), 'OK', message);
  }

  it('has metadata beyond 32 KiB', async () => {
    const bringing = (bytes: number) => call(client, { ...TOKEN, 'x-filler': 'a'.repeat(bytes) });
    await accepted(bringing(30 * KIB));
    await refused(bringing(33 * KIB), TOO_LARGE, /metadata of the call is larger than 32768 bytes/);
    // So has one of many small pieces, and one that HTTP/2 itself refuses.
    const pieces = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'a'.repeat(400)]));
    await refused(call(client, { ...TOKEN, ...pieces }), TOO_LARGE, /metadata/);
    const many = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`x-${index}`, 'a']));
    assert.notEqual(verdict(await call(client, { ...TOKEN, ...many })), 'OK');
  });

  it('is a message beyond max_request_bytes, also once decompressed', async () => {
    const large = ask({ messages: [turn(text('a'.repeat(8 * KIB * KIB)))] });
    await refused(call(client, TOKEN, large), TOO_LARGE, /larger than 8388608 bytes/);
    const packed = gzipSync(large);
    assert.ok(packed.length < 16 * KIB);
    const connection = await RawConnection.open(relay.port);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt8(1);
    prefix.writeUInt32BE(packed.length, 1);
    const headers = grpcHeaders('/claude.relay.v1.RelayService/Complete', { ...TOKEN, 'grpc-encoding': 'gzip' });
    connection.write(
      connection.headers(1, headers),
      frame(FRAME.DATA, FLAG.END_STREAM, 1, Buffer.concat([prefix, packed])),
    );
    await connection.find(({ type, stream }) => type === FRAME.HEADERS && stream === 1);
    assert.match(relay.log(), /"reason":"REQUEST_TOO_LARGE"/);
    connection.destroy();
  });

  it('has JSON nested deeper than 256, or of more than 250,000 values', async () => {
    await refused(call(client, TOKEN, ask(json('['.repeat(257) + ']'.repeat(257)))), INVALID, /nested deeper than 256/);
    await refused(call(client, TOKEN, ask(json('['.repeat(1_000_000)))), INVALID, /nested deeper than 256/);
    await refused(call(client, TOKEN, ask(json(`[${'0,'.repeat(250_000)}0]`))), INVALID, /more than 250000 values/);
  });

  it('has a google.protobuf.Value nested deeper than 256, or messages nested deeper than 100', async () => {
    // Field 6 of Value is a list, whose field 1 is a Value.
    let value: Buffer = Buffer.from([0x08, 0x00]);
    for (let depth = 0; depth < 300; depth += 1) value = nest(6, nest(1, value));
    const other = nest(15, nest(2, value));
    await refused(call(client, TOKEN, withContent(other)), INVALID, /nested deeper than \d+/);
    // A tool result (member 5 of a block) holds blocks in its field 2.
    let block: Buffer = nest(1, nest(1, Buffer.from('x')));
    for (let depth = 0; depth < 120; depth += 1) block = nest(5, nest(2, block));
    await refused(call(client, TOKEN, withContent(block)), INVALID, /nested deeper than 100 messages/);
  });

  it('has more turns than the API takes, or more tools than anybody has', { timeout: 60_000 }, async () => {
    const turns = (count: number) => ask({ messages: Array.from({ length: count }, () => turn(text('x'))) });
    await refused(call(client, TOKEN, turns(100_001)), INVALID, /messages has more than 100000 items/);
    const tools = (count: number) => ask({ tools: Array.from({ length: count }, () => tool) });
    await refused(call(client, TOKEN, tools(10_001)), INVALID, /tools has more than 10000 items/);
    const stops = ask({ stop_sequences: Array.from({ length: 100_001 }, () => 'x') });
    await refused(call(client, TOKEN, stops), INVALID, /stop_sequences has more than 100000 items/);
    // Within one turn there are no more blocks either: two bytes each of the wire would be thirty of JSON.
    const blocks = { messages: [{ role: 'user', content: Array.from({ length: 100_001 }, () => text('')) }] };
    await refused(call(client, TOKEN, ask(blocks)), INVALID, /messages\[0\]\.content has more than 100000 items/);
  });

  it('has more fields in all than a million', async () => {
    const turns = Array.from({ length: 60 }, () => ({
      role: 'user',
      content: Array.from({ length: 9_000 }, () => text('')),
    }));
    await refused(
      call(client, TOKEN, ask({ messages: turns })),
      INVALID,
      /beyond the 1000000 fields that a request may have/,
    );
  });

  it('is for health or reflection and longer than a name may be, also once decompressed', async () => {
    const name = Buffer.alloc(128 * KIB, 'a');
    for (const path of ['/grpc.health.v1.Health/Watch', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo']) {
      for (const [encoding, message] of [
        ['identity', grpcMessage(name)],
        ['gzip', grpcMessage(gzipSync(name), true)],
      ] as const) {
        const connection = await RawConnection.open(relay.port);
        const headers = grpcHeaders(path, { 'grpc-encoding': encoding });
        connection.write(connection.headers(1, headers), frame(FRAME.DATA, FLAG.NONE, 1, message.subarray(0, 16_000)));
        for (let at = 16_000; at < message.length; at += 16_000) {
          connection.write(frame(FRAME.DATA, FLAG.NONE, 1, message.subarray(at, at + 16_000)));
        }
        await connection.find(({ type, stream }) => type === FRAME.RST_STREAM && stream === 1);
        connection.destroy();
      }
    }
  });

  it('names a model, a beta or a region longer than any is', async () => {
    await refused(call(client, TOKEN, ask({ model: 'm'.repeat(257) })), INVALID, /model is longer than any model/);
    await refused(call(client, TOKEN, ask({ relay: { betas: ['b'.repeat(129)] } })), INVALID, /relay\.betas\[0\]/);
    await refused(
      call(client, TOKEN, ask({ relay: { betas: Array.from({ length: 65 }, () => 'b') } })),
      INVALID,
      /relay\.betas/,
    );
    assert.equal(verdict(await call(client, TOKEN, ask({ relay: { region: 'r'.repeat(10_000) } }))), INVALID);
  });
});

/** A length-delimited field. */
function nest(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A request whose one turn has this serialized block. */
function withContent(block: Buffer): Buffer {
  const [model, maxTokens] = [nest(1, Buffer.from('claude-opus-5-5')), Buffer.from([0x10, 0x08])];
  const role = nest(1, Buffer.from('user'));
  return Buffer.concat([model, maxTokens, nest(3, Buffer.concat([role, nest(2, block)]))]);
}
