import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import type { Peer } from '../../src/server/peer.ts';
import { PATHS, startRelay, unary, whole } from './support.ts';

const pem = (name: string): Buffer => readFileSync(new URL(`./tls/${name}`, import.meta.url));
const PAIR = { cert: pem('server.pem'), key: pem('server.key') };

test('calls over TLS are served, and the server proves who it is', async () => {
  await using relay = await startRelay(async () => whole('over TLS'), { server: { tls: PAIR } });
  const client = new Client(`127.0.0.1:${relay.port}`, credentials.createSsl(pem('ca.pem')));
  const { message, error } = await unary(client, PATHS.Complete, 'x', new Metadata());
  assert.equal(error, null);
  assert.equal(JSON.parse(String(message)).body, 'over TLS');
  client.close();
});

test('with a client authority, clients without certificate are refused and others known by it', async () => {
  const peers: (string | undefined)[] = [];
  await using relay = await startRelay(async () => whole(''), {
    server: { tls: { ...PAIR, clientCa: pem('ca.pem') } },
    relay: {
      authenticate: (_metadata, _wire, peer: Peer) => {
        peers.push(peer.certificate()?.subjectaltname);
        return { tenant: 'search-team' };
      },
    },
  });
  const stranger = new Client(`127.0.0.1:${relay.port}`, credentials.createSsl(pem('ca.pem')));
  const refused = await unary(stranger, PATHS.Complete, 'x', new Metadata(), 2_000);
  assert.equal(refused.error?.code, status.UNAVAILABLE);
  stranger.close();
  const known = new Client(
    `127.0.0.1:${relay.port}`,
    credentials.createSsl(pem('ca.pem'), pem('client.key'), pem('client.pem')),
  );
  assert.equal((await unary(known, PATHS.Complete, 'x', new Metadata())).error, null);
  assert.deepEqual(peers, ['URI:spiffe://acme.example/search-team']);
  known.close();
});
