import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { compressionAlgorithms, Metadata, status } from '@grpc/grpc-js';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import { aborted, errorDetails, errorInfo, PATHS, startRelay, unary, whole } from './support.ts';

test('a unary call reaches the service as a call and comes back with the relay info and the request id', async () => {
  await using relay = await startRelay(async (call) => whole(`answer to ${call.operation} ${call.body}`));
  const metadata = new Metadata();
  metadata.set('x-request-id', 'my-id-1');
  const { message, headers, error } = await unary(relay.client, PATHS.Complete, 'hello', metadata);
  assert.equal(error, null);
  const answer = JSON.parse(String(message));
  assert.equal(answer.body, 'answer to messages hello');
  assert.equal(answer.relay.request_id, 'my-id-1');
  assert.deepEqual(headers.get('x-request-id'), ['my-id-1']);
});

test('each method has its operation, and only CompleteStream wants a stream', async () => {
  await using relay = await startRelay(async (call) => whole(`${call.operation} ${call.wantsStream}`));
  for (const [method, expected] of [
    ['Complete', 'messages false'],
    ['CountTokens', 'count_tokens false'],
    ['ListModels', 'models false'],
  ] as const) {
    const { message } = await unary(relay.client, PATHS[method], 'x', new Metadata());
    assert.equal(JSON.parse(String(message)).body, expected);
  }
});

test('a new request id is given where the caller sends none or an unprintable, long or repeated one', async () => {
  await using relay = await startRelay(async (call) => whole(call.id));
  const ids = new Set<string>();
  for (const given of [[], ['with space'], ['x'.repeat(129)], ['one', 'two']]) {
    const metadata = new Metadata();
    for (const id of given) metadata.add('x-request-id', id);
    const { message } = await unary(relay.client, PATHS.Complete, 'x', metadata);
    const id = JSON.parse(String(message)).body;
    assert.match(id, /^[0-9a-f-]{36}$/);
    ids.add(id);
  }
  assert.equal(ids.size, 4);
});

test('the trace context and the digest of the body are on the call', async () => {
  const calls: Call[] = [];
  await using relay = await startRelay(async (call) => {
    calls.push(call);
    return whole('');
  });
  const metadata = new Metadata();
  metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  metadata.set('tracestate', 'vendor=1');
  await unary(relay.client, PATHS.Complete, 'body', metadata);
  const [call] = calls;
  assert.deepEqual(call?.traceContext, {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'vendor=1',
  });
  assert.equal(call?.digest(), 'digest of body');
  assert.equal(call?.deadline, Infinity);
});

test('authentication sees the request bytes as they came, before anything is decoded', async () => {
  const seen: string[] = [];
  await using relay = await startRelay(async () => whole(''), {
    relay: {
      authenticate: async (metadata, wire, peer) => {
        seen.push(`${String(metadata.get('authorization')[0])} ${wire.toString()} ${peer.address().split(':')[0]}`);
        throw new RelayError('UNAUTHENTICATED', 'Send a token.');
      },
    },
  });
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer t');
  const { error } = await unary(relay.client, PATHS.Complete, 'invalid', metadata);
  assert.deepEqual(seen, ['Bearer t invalid 127.0.0.1']);
  assert.equal(error?.code, status.UNAUTHENTICATED);
  assert.equal(errorInfo(error).reason, 'UNAUTHENTICATED');
  assert.deepEqual(
    relay.refusals.map(({ error: { reason }, operation, tenant }) => ({ reason, operation, tenant })),
    [{ reason: 'UNAUTHENTICATED', operation: 'messages', tenant: undefined }],
  );
});

test('a malformed request is refused with its violations and never reaches the service', async () => {
  await using relay = await startRelay(async () => assert.fail('reached'));
  const { error } = await unary(relay.client, PATHS.Complete, 'invalid', new Metadata());
  assert.equal(error?.code, status.INVALID_ARGUMENT);
  assert.partialDeepStrictEqual(errorDetails(error.metadata)['BadRequest'], {
    field_violations: [{ field: 'model', description: 'is missing' }],
  });
  assert.equal(relay.refusals[0]?.tenant, 'anonymous');
});

test('a deadline aborts the signal with its reason and ends the call with details', async () => {
  let reason: unknown;
  await using relay = await startRelay(async (call) => {
    assert.ok(call.deadline < Infinity);
    call.signal.addEventListener('abort', () => {
      reason = call.signal.reason;
    });
    return aborted(call);
  });
  // A raw client, for one of grpc-js would end the call by itself.
  const session = connect(`http://127.0.0.1:${relay.port}`);
  const request = session.request({
    ':method': 'POST',
    ':path': PATHS.Complete,
    'content-type': 'application/grpc',
    'grpc-timeout': '30m',
    te: 'trailers',
  });
  request.end(Buffer.from([0, 0, 0, 0, 1, 120]));
  const [headers] = await once(request, 'response');
  session.destroy();
  assert.equal(headers['grpc-status'], String(status.DEADLINE_EXCEEDED));
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(headers['grpc-status-details-bin'], 'base64'));
  assert.equal(errorDetails(metadata).ErrorInfo.reason, 'DEADLINE_EXCEEDED');
  assert.ok(reason instanceof RelayError && reason.reason === 'DEADLINE_EXCEEDED');
  assert.deepEqual(relay.refusals, [], 'the service has seen the call: it counts there');
});

for (const [how, leave] of [
  ['cancels', (call: { cancel: () => void }): void => call.cancel()],
  ['disconnects', (_call: unknown, close: () => void): void => close()],
] as const) {
  test(`a caller that ${how} aborts the signal with CANCELLED`, { timeout: 5_000 }, async () => {
    await using relay = await startRelay(aborted);
    const session = connect(`http://127.0.0.1:${relay.port}`);
    session.on('error', () => {});
    const request = session.request({ ':method': 'POST', ':path': PATHS.Complete, 'content-type': 'application/grpc' });
    request.on('error', () => {});
    request.end(Buffer.from([0, 0, 0, 0, 1, 120]));
    const [call]: Call[] = await once(relay.seen, 'call');
    assert.ok(call !== undefined);
    const abort = once(call.signal, 'abort');
    leave({ cancel: () => request.close(8) }, () => session.destroy());
    await abort;
    assert.ok(call.signal.reason instanceof RelayError);
    assert.equal(call.signal.reason.reason, 'CANCELLED');
  });
}

test('a caller that leaves before its request is whole is counted as a refusal', { timeout: 5_000 }, async () => {
  await using relay = await startRelay(async () => assert.fail('reached'));
  const session = connect(`http://127.0.0.1:${relay.port}`);
  const request = session.request({ ':method': 'POST', ':path': PATHS.Complete, 'content-type': 'application/grpc' });
  request.on('error', () => {});
  await new Promise((resolve) => request.write(Buffer.from([0, 0]), resolve));
  while (relay.server.inFlight() === 0) await new Promise(setImmediate);
  session.destroy();
  const [refusal] = await once(relay.seen, 'refused');
  assert.equal(refusal.error.reason, 'CANCELLED');
});

test('requests compressed with gzip are understood', async () => {
  await using relay = await startRelay(async (call) => whole(call.body));
  const client = relay.connect({ 'grpc.default_compression_algorithm': compressionAlgorithms.gzip });
  const { message } = await unary(client, PATHS.Complete, 'z'.repeat(5_000), new Metadata());
  assert.equal(JSON.parse(String(message)).body.length, 5_000);
});

for (const [what, algorithm] of [
  ['', compressionAlgorithms.identity],
  [' once decompressed', compressionAlgorithms.gzip],
] as const) {
  test(`a request too large${what} is refused with details`, async () => {
    await using relay = await startRelay(async () => assert.fail('reached'));
    const client = relay.connect({ 'grpc.default_compression_algorithm': algorithm });
    const { error } = await unary(client, PATHS.Complete, 'z'.repeat(70_000), new Metadata());
    assert.equal(error?.code, status.RESOURCE_EXHAUSTED);
    const info = errorInfo(error);
    assert.equal(info.reason, 'REQUEST_TOO_LARGE');
    assert.equal(info.metadata['max_request_bytes'], '65536');
    assert.equal(relay.refusals.length, 1);
  });
}

test('a request that cannot be unpacked is the caller’s fault', async () => {
  await using relay = await startRelay(async () => assert.fail('reached'));
  const session = connect(`http://127.0.0.1:${relay.port}`);
  const request = session.request({
    ':method': 'POST',
    ':path': PATHS.Complete,
    'content-type': 'application/grpc',
    'grpc-encoding': 'gzip',
  });
  const broken = gzipSync('x').fill(7, 4);
  request.end(Buffer.concat([Buffer.from([1, 0, 0, 0, broken.length]), broken]));
  const [headers] = await once(request, 'response');
  session.destroy();
  assert.equal(headers['grpc-status'], String(status.INVALID_ARGUMENT));
});

test('what is thrown and is no RelayError becomes INTERNAL: a safe sentence, its cause reported once', async () => {
  await using relay = await startRelay(async () => {
    throw new TypeError('secret prompt');
  });
  const { error } = await unary(relay.client, PATHS.Complete, 'x', new Metadata());
  assert.equal(error?.code, status.INTERNAL);
  assert.ok(!JSON.stringify(errorDetails(error.metadata)).includes('secret') && !error.details.includes('secret'));
  assert.equal(relay.bugs.length, 1);
  assert.ok(relay.bugs[0]?.cause instanceof TypeError);
});

test('odd paths, odd content types and oversized metadata hurt nobody', async () => {
  await using relay = await startRelay(async () => whole('fine'));
  const session = connect(`http://127.0.0.1:${relay.port}`);
  session.on('error', () => {});
  for (const headers of [
    { ':path': '/claude.relay.v1.RelayService/Nothing' },
    { ':path': '/\u00fc/\u00fc' },
    { ':path': '/a\tb/c' },
    { ':path': PATHS.Complete, 'content-type': 'text/plain' },
    { ':path': PATHS.Complete, authorization: 'Bearer \u00fc\u00e9' },
    { ':path': PATHS.Complete, 'x-large': 'y'.repeat(100_000) },
  ]) {
    try {
      const request = session.request({ ':method': 'POST', 'content-type': 'application/grpc', ...headers });
      request.on('error', () => {});
      request.end(Buffer.from([0, 0, 0, 0, 1, 120]));
      await once(request.resume(), 'close');
    } catch {
      // Node's client refuses to send some of these; then there is nothing to survive.
    }
  }
  session.destroy();
  const { message } = await unary(relay.client, PATHS.Complete, 'x', new Metadata());
  assert.equal(JSON.parse(String(message)).body, 'fine');
  assert.deepEqual(relay.warnings, ['Failed to add metadata entry authorization: it is not printable ASCII']);
});
