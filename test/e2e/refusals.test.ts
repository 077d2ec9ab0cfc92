/** Calls that no service sees are counted and logged like all others, once each, with what their path tells. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { errorInfo } from '../server/support.ts';
import { bearer, type SecuredRelay, startSecured, tokenOf } from './secured-relay.ts';

const COMPLETE = '/claude.relay.v1.RelayService/Complete';
const NOPE = '/claude.relay.v1.RelayService/Nope';
const LATER = '/claude.relay.v1.BatchService/CreateBatch';

function errorOf(client: Client, path: string, size: number, headers: Record<string, string> = {}) {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(size), metadata, (error) => resolve(error));
  });
}

/** Lines of the log about the call with this id. */
function linesAbout(relay: SecuredRelay, id: string): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = relay
    .log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return lines.filter(({ request_id }) => request_id === id);
}

describe('calls that no service sees', { timeout: 30_000 }, () => {
  it('are counted and logged when nobody serves their method, whoever calls', async () => {
    await using relay = await startSecured();
    const client = relay.connect();
    for (const [path, id] of [
      [NOPE, 'nope'],
      [LATER, 'later'],
    ] as const) {
      const error = await errorOf(client, path, 1, { 'x-request-id': id });
      assert.equal(error?.code, status.UNIMPLEMENTED);
      assert.equal(errorInfo(error).reason, 'UNIMPLEMENTED');
      const lines = linesAbout(relay, id);
      assert.equal(lines.length, 1);
      const [line] = lines;
      assert.partialDeepStrictEqual(line, { level: 'info', status: 'UNIMPLEMENTED', reason: 'UNIMPLEMENTED' });
    }
    const { text } = await relay.admin('/metrics');
    assert.match(text, /^claude_requests_total\{status="UNIMPLEMENTED"\} 2$/m);
  });

  it('are logged with their operation when their request is too large', async () => {
    await using relay = await startSecured({
      settings: { server: { listen: '127.0.0.1:0', max_request_bytes: '64KiB' } },
    });
    const proof = { ...bearer(tokenOf('search-team')), 'x-request-id': 'large' };
    const error = await errorOf(relay.connect(), COMPLETE, 2 ** 17, proof);
    assert.equal(errorInfo(error).reason, 'REQUEST_TOO_LARGE');
    const lines = linesAbout(relay, 'large');
    assert.equal(lines.length, 1);
    const [line] = lines;
    assert.partialDeepStrictEqual(line, { reason: 'REQUEST_TOO_LARGE', operation: 'messages' });
  });
});
