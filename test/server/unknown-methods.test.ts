import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { test } from 'node:test';
import { type Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Reply } from '../../src/completion/reply.ts';
import { systemClock } from '../../src/server/clock.ts';
import { FLAG, FRAME, errorCode, frame, grpcHeaders, grpcMessage, RawConnection } from '../e2e/raw-http2.ts';
import { errorDetails, errorInfo, fakeCodec, PATHS, startRelay, unary } from './support.ts';

const UNKNOWN = '/claude.relay.v1.RelayService/Nope';
const LATER = '/claude.relay.v1.BatchService/CreateBatch';

const unreached = async (): Promise<Reply> => assert.fail('reached');
const asIs = (bytes: Buffer): Buffer => bytes;

for (const path of [UNKNOWN, LATER]) {
  test(`${path} is refused with details, the request id and its name`, async () => {
    await using relay = await startRelay(unreached);
    const metadata = new Metadata();
    metadata.set('x-request-id', 'my-id-1');
    const { error } = await unary(relay.client, path, 'x', metadata);
    assert.equal(error?.code, status.UNIMPLEMENTED);
    assert.equal(
      error.details,
      `The method ${path.slice(1)} is unknown to this relay; it and its client may be of different versions. Update the older one.`,
    );
    assert.deepEqual(error.metadata.get('x-request-id'), ['my-id-1']);
    assert.deepEqual(error.metadata.get('grpc-retry-pushback-ms'), ['-1']);
    const { reason, domain, metadata: details } = errorInfo(error);
    assert.deepEqual({ reason, domain }, { reason: 'UNIMPLEMENTED', domain: 'claude-relay' });
    assert.equal(details['request_id'], 'my-id-1');
    assert.deepEqual(
      relay.refusals.map(({ id, operation, error: { reason: why } }) => ({ id, operation, why })),
      [{ id: 'my-id-1', operation: undefined, why: 'UNIMPLEMENTED' }],
    );
    assert.deepEqual([relay.bugs, relay.warnings], [[], []]);
  });
}

const STREAMS: Readonly<Record<string, (client: Client) => Promise<ServiceError>>> = {
  'server streams': async (client) => {
    const call = client.makeServerStreamRequest(UNKNOWN, asIs, asIs, Buffer.from('x'));
    const [error] = await once(call.resume(), 'error');
    return error;
  },
  'client streams': (client) =>
    new Promise((resolve) => {
      const call = client.makeClientStreamRequest(UNKNOWN, asIs, asIs, (error) => error !== null && resolve(error));
      call.write(Buffer.from('x'));
    }),
  'streams in both directions': async (client) => {
    const call = client.makeBidiStreamRequest(UNKNOWN, asIs, asIs);
    call.write(Buffer.from('x'));
    const [error] = await once(call.resume(), 'error');
    return error;
  },
};
for (const [kind, ended] of Object.entries(STREAMS)) {
  test(`${kind} of unknown methods end in the same way`, async () => {
    await using relay = await startRelay(unreached);
    const error = await ended(relay.client);
    assert.equal(error.code, status.UNIMPLEMENTED);
    assert.equal(errorInfo(error).reason, 'UNIMPLEMENTED');
    assert.equal(relay.refusals.length, 1);
  });
}

test('a method that is mounted and has no handler is unknown too', async () => {
  const path = '/claude.relay.v1.RelayService/Later';
  const complete = fakeCodec.definitions.relay['Complete'];
  assert.ok(complete !== undefined);
  const relayDefinition = { ...fakeCodec.definitions.relay, Later: { ...complete, path } };
  await using relay = await startRelay(unreached, {
    relay: { codec: { ...fakeCodec, definitions: { relay: relayDefinition } } },
  });
  const { error } = await unary(relay.client, path, 'x', new Metadata());
  assert.equal(errorInfo(error).reason, 'UNIMPLEMENTED');
  assert.equal(relay.refusals.length, 1);
});

test('the stream of a caller that has its answer and goes on sending is ended', { timeout: 5_000 }, async () => {
  await using relay = await startRelay(unreached);
  const connection = await RawConnection.open(relay.port);
  const prefix = grpcMessage(Buffer.alloc(40_000)).subarray(0, 5);
  connection.write(
    connection.headers(1, grpcHeaders(UNKNOWN)),
    frame(FRAME.DATA, FLAG.NONE, 1, prefix),
    frame(FRAME.DATA, FLAG.NONE, 1, Buffer.alloc(16_384)),
  );
  const end = await connection.find(({ type, stream }) => type === FRAME.RST_STREAM && stream === 1);
  assert.equal(errorCode(end), 0, 'NO_ERROR: RFC 9113, 8.1');
  const answer = connection.frames.find(({ type, stream }) => type === FRAME.HEADERS && stream === 1);
  assert.equal(answer?.flags, FLAG.END_STREAM | FLAG.END_HEADERS);
  assert.equal(relay.refusals.length, 1);
  assert.equal(relay.server.inFlight(), 0);
  connection.destroy();
});

async function headersOf(port: number, request: OutgoingHttpHeaders): Promise<IncomingHttpHeaders> {
  const session = connect(`http://127.0.0.1:${port}`);
  const call = session.request({ ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers', ...request });
  call.on('error', () => {});
  const [headers]: IncomingHttpHeaders[] = await once(call, 'response');
  session.destroy();
  return headers ?? {};
}

const FOREIGN: Readonly<Record<string, OutgoingHttpHeaders>> = {
  'no method': { ':path': '/' },
  'a query': { ':path': '/claude.relay.v1.RelayService/Complete?token=secret' },
  'a name too long': { ':path': `/claude.relay.v1.RelayService/${'secret'.repeat(1_000)}` },
  'escapes and signs': { ':path': '/%73ecret.Service/sec<b>ret' },
  'bytes beyond ASCII': { ':path': '/secr\u00e9t.Service/secret' },
};
for (const [what, request] of Object.entries(FOREIGN)) {
  test(`a path with ${what} is refused without being repeated`, async () => {
    await using relay = await startRelay(unreached);
    const headers = await headersOf(relay.port, request);
    assert.equal(headers['grpc-status'], String(status.UNIMPLEMENTED));
    assert.match(
      decodeURI(String(headers['grpc-message'])),
      /^The method that was called is unknown to this relay; it /,
    );
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from(String(headers['grpc-status-details-bin']), 'base64'));
    assert.equal(errorDetails(metadata).ErrorInfo.reason, 'UNIMPLEMENTED');
    assert.doesNotMatch(JSON.stringify(headers), /secret/);
    assert.equal(relay.refusals.length, 1);
  });
}

test('a CONNECT, which has no path, is refused like an unknown method', async () => {
  await using relay = await startRelay(unreached);
  const headers = await headersOf(relay.port, { ':method': 'CONNECT', ':authority': 'relay.example:80' });
  assert.equal(headers['grpc-status'], String(status.UNIMPLEMENTED));
  assert.equal(relay.refusals.length, 1);
});

test('while the server drains, an unknown method is DRAINING like any other: another replica may know it', async () => {
  // The clock is asked once a call has begun and before it is looked at: the only moment for certain before the GOAWAY.
  let drain = (): void => {};
  const now = (): number => {
    drain();
    return systemClock.now();
  };
  await using relay = await startRelay(unreached, { clock: { ...systemClock, now } });
  const drained = new Promise<unknown>((resolve) => {
    drain = () => {
      drain = () => {};
      resolve(relay.server.drain());
    };
  });
  const { error } = await unary(relay.client, UNKNOWN, 'x', new Metadata());
  await drained;
  assert.equal(error?.code, status.UNAVAILABLE);
  assert.equal(errorInfo(error).reason, 'DRAINING');
});

for (const path of Object.values(PATHS)) {
  test(`a call of ${path} that ends before its request has come tells of its operation`, async () => {
    await using relay = await startRelay(unreached);
    const { error } = await unary(relay.client, path, Buffer.alloc(70_000), new Metadata());
    assert.equal(errorInfo(error).reason, 'REQUEST_TOO_LARGE');
    const [refusal] = relay.refusals;
    const expected = { CountTokens: 'count_tokens', ListModels: 'models' }[path.slice(path.lastIndexOf('/') + 1)];
    assert.equal(refusal?.operation, expected ?? 'messages');
  });
}
