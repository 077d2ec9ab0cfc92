/** Who is let in, over real gRPC: whatever does not hold is refused with its reason, and nothing reaches the upstream. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Client } from '@grpc/grpc-js';
import {
  ask,
  bearer,
  call,
  MODEL,
  type SecuredRelay,
  server,
  sha256,
  signed,
  startSecured,
  tls,
  tlsClient,
  tokenOf,
  verdict,
} from './secured-relay.ts';

const MINUTE = 60_000;

describe('a call to a relay that knows its tenants', () => {
  let relay: SecuredRelay;
  let client: Client;
  let reached = 0;

  before(async () => {
    relay = await startSecured();
    client = relay.connect();
  });
  after(() => relay[Symbol.asyncDispose]());

  /** Refused so, and the upstream has heard of no more calls than were let in. */
  async function refused(as: string, proof: Parameters<typeof call>[1], request?: Buffer): Promise<void> {
    assert.equal(verdict(await call(client, proof, request)), `UNAUTHENTICATED ${as}`);
    assert.equal(relay.upstreamCalls(), reached);
  }

  async function accepted(proof: Parameters<typeof call>[1], request?: Buffer): Promise<void> {
    assert.equal(verdict(await call(client, proof, request)), 'OK');
    reached += 1;
    assert.equal(relay.upstreamCalls(), reached);
  }

  it('is let in with a token, and with a signature', async () => {
    await accepted(bearer(tokenOf('search-team')));
    const request = ask();
    await accepted(signed('search-team', request), request);
    const again = ask();
    await accepted({ ...bearer(tokenOf('ads-team')), ...signed('ads-team', again) }, again);
  });

  it('is refused without any proof', () => refused('UNAUTHENTICATED', {}));

  it('is refused with a token of nobody, its digest, a part of it, or none', async () => {
    const token = tokenOf('search-team');
    const wrong = [`${token}x`, token.slice(0, -1), sha256(token), token.toUpperCase(), 'undefined'];
    for (const each of wrong) await refused('UNAUTHENTICATED', bearer(each));
    for (const header of [
      '',
      token,
      `Basic ${token}`,
      `Bearer ${token} ${token}`,
      `Bearer ${token}, Bearer ${token}`,
    ]) {
      await refused('UNAUTHENTICATED', { authorization: header });
    }
  });

  it('is refused with the proofs of two tenants', async () => {
    const request = ask();
    await refused('UNAUTHENTICATED', { ...bearer(tokenOf('ads-team')), ...signed('search-team', request) }, request);
    // Neither proof was used up by that.
    await accepted(signed('search-team', request), request);
  });

  it('is refused with one good proof and one bad', async () => {
    const request = ask();
    const wrong = signed('search-team', request, new Date(), 'guess');
    await refused('SIGNATURE_MISMATCH', { ...bearer(tokenOf('search-team')), ...wrong }, request);
    await refused('UNAUTHENTICATED', { ...bearer('guess'), ...signed('search-team', request) }, request);
  });

  it('is refused with a part of a signature', async () => {
    const request = ask();
    for (const left of ['x-relay-tenant', 'x-relay-timestamp', 'x-relay-signature'] as const) {
      const { [left]: _, ...rest } = signed('search-team', request);
      await refused('UNAUTHENTICATED', rest, request);
    }
  });

  it('is refused with a signature of another secret, tenant, time or request', async () => {
    const request = ask();
    await refused('SIGNATURE_MISMATCH', signed('search-team', request, new Date(), 'guess'), request);
    await refused('SIGNATURE_MISMATCH', { ...signed('search-team', request), 'x-relay-tenant': 'ads-team' }, request);
    await refused('SIGNATURE_MISMATCH', { ...signed('search-team', request), 'x-relay-tenant': 'nobody' }, request);
    const later = new Date(Date.now() + 1000).toISOString();
    await refused('SIGNATURE_MISMATCH', { ...signed('search-team', request), 'x-relay-timestamp': later }, request);
    await refused('SIGNATURE_MISMATCH', signed('search-team', request), ask());
  });

  it('is refused with a signature that is cut or spelled otherwise', async () => {
    const request = ask();
    const proof = signed('search-team', request);
    const hex = proof['x-relay-signature'];
    const spellings = [hex.slice(0, -2), hex.slice(2), `${hex}00`, hex.toUpperCase(), `0x${hex}`, `${hex}, ${hex}`, ''];
    spellings.push(Buffer.from(hex, 'hex').toString('base64'));
    for (const spelling of spellings) {
      await refused('SIGNATURE_MISMATCH', { ...proof, 'x-relay-signature': spelling }, request);
    }
    await refused('SIGNATURE_MISMATCH', { ...proof, 'x-relay-signature': [hex, hex] }, request);
    await accepted(proof, request);
  });

  it('is refused when the same message was serialized anew in another order', async () => {
    const request = ask();
    // Fields of a protobuf message may come in any order: this moves the first one, `model`, to the end.
    const modelBytes = 2 + MODEL.length;
    const reordered = Buffer.concat([request.subarray(modelBytes), request.subarray(0, modelBytes)]);
    await refused('SIGNATURE_MISMATCH', signed('search-team', request), reordered);
    await accepted(signed('search-team', reordered), reordered);
  });

  it('is refused with a signature that is cut off with its request', async () => {
    const request = ask();
    await refused('SIGNATURE_MISMATCH', signed('search-team', request), request.subarray(0, -1));
  });

  it('is refused when its signature is too old or too far in the future', async () => {
    const request = ask();
    for (const minutes of [-60, -5.1, 5.1, 60]) {
      await refused(
        'SIGNATURE_STALE',
        signed('search-team', request, new Date(Date.now() + minutes * MINUTE)),
        request,
      );
    }
    await refused('UNAUTHENTICATED', { ...signed('search-team', request), 'x-relay-timestamp': 'yesterday' }, request);
  });

  it('is refused when it is repeated, on any connection and at once', async () => {
    const request = ask();
    const proof = signed('search-team', request);
    await accepted(proof, request);
    await refused('SIGNATURE_REPLAYED', proof, request);
    const elsewhere = await call(relay.connect(), proof, request);
    assert.equal(verdict(elsewhere), 'UNAUTHENTICATED SIGNATURE_REPLAYED');

    const next = ask();
    const same = signed('search-team', next);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => call(relay.connect(), same, next)));
    reached += 1;
    assert.equal(outcomes.filter(({ status }) => status === 'OK').length, 1);
    assert.equal(relay.upstreamCalls(), reached);
  });

  it('needs no proof to ask for health', async () => {
    const path = '/grpc.health.v1.Health/Check';
    const answer = await new Promise((resolve, reject) => {
      const asIs = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), (error, bytes) =>
        error ? reject(error) : resolve(bytes),
      );
    });
    assert.deepEqual(answer, Buffer.from([8, 1]));
  });
});

describe('a call over mTLS', () => {
  let relay: SecuredRelay;

  before(async () => {
    relay = await startSecured({ settings: { ...server({ tls: tls({ clients: true }) }) } });
  });
  after(() => relay[Symbol.asyncDispose]());

  it('is from the tenant that the certificate names by URI or by common name', async () => {
    for (const name of ['search-team', 'ads-team']) {
      assert.equal(verdict(await call(relay.connect(tlsClient(name)), {})), 'OK');
      const own = await call(relay.connect(tlsClient(name)), bearer(tokenOf(name)));
      assert.equal(verdict(own), 'OK');
    }
    assert.match(
      relay.log(),
      /"tenant":"search-team"[^\n]*\n[^\n]*"tenant":"search-team"[^\n]*\n[^\n]*"tenant":"ads-team"/,
    );
  });

  it('is refused with a certificate that names no tenant, unless a token does', async () => {
    const before = relay.upstreamCalls();
    assert.equal(verdict(await call(relay.connect(tlsClient('nobody')), {})), 'UNAUTHENTICATED UNAUTHENTICATED');
    assert.equal(relay.upstreamCalls(), before);
    assert.equal(verdict(await call(relay.connect(tlsClient('nobody')), bearer(tokenOf('ads-team')))), 'OK');
  });

  it('is refused with the token or the signature of another tenant than the certificate names', async () => {
    const before = relay.upstreamCalls();
    const client = relay.connect(tlsClient('search-team'));
    const request = ask();
    for (const proof of [bearer(tokenOf('ads-team')), signed('ads-team', request)]) {
      assert.equal(verdict(await call(client, proof, request)), 'UNAUTHENTICATED UNAUTHENTICATED');
    }
    assert.equal(relay.upstreamCalls(), before);
  });

  for (const [name, what] of [
    ['expired', 'a certificate that has expired'],
    ['premature', 'a certificate that is not yet valid'],
    ['foreign', 'a certificate of another authority, whatever it says'],
    [undefined, 'no certificate'],
  ] as const) {
    it(`gets no connection with ${what}, and not with a token either`, async () => {
      const before = relay.upstreamCalls();
      const outcome = await call(relay.connect(tlsClient(name)), bearer(tokenOf('search-team')), ask(), {
        deadline: 1_000,
      });
      assert.match(outcome.status, /^(UNAVAILABLE|DEADLINE_EXCEEDED)$/);
      assert.equal(relay.upstreamCalls(), before);
    });
  }

  it('gets no connection without TLS', async () => {
    const outcome = await call(relay.connect(), bearer(tokenOf('search-team')), ask(), { deadline: 1_000 });
    assert.match(outcome.status, /^(UNAVAILABLE|DEADLINE_EXCEEDED)$/);
  });

  it('is not made by a client that does not trust the relay', async () => {
    const outcome = await call(relay.connect(tlsClient('search-team', 'other-ca.pem')), {}, ask(), { deadline: 1_000 });
    assert.match(outcome.status, /^(UNAVAILABLE|DEADLINE_EXCEEDED)$/);
  });
});
