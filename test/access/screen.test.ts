import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { Authenticator, type Claim } from '../../src/access/authenticator.ts';
import { TenantDirectory } from '../../src/access/directory.ts';
import { ANONYMOUS } from '../../src/access/tenant.ts';
import { RelayError } from '../../src/completion/errors.ts';
import { Secret } from '../../src/completion/secret.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const BODY = Buffer.from('request');
const CERTIFICATE = {
  subject: { CN: 'search-team' },
  valid_from: 'Nov 20 00:00:00 2026 GMT',
  valid_to: 'Dec 20 00:00:00 2026 GMT',
};

function authenticator(names: readonly string[] = ['search-team', 'ads-team']): Authenticator {
  const directory = new TenantDirectory(
    names.map((name) => ({
      tenant: { ...ANONYMOUS, name },
      tokenSha256: [createHash('sha256').update(name).digest('hex')],
      hmacSecret: new Secret(`secret of ${name}`),
    })),
  );
  return new Authenticator({ directory, now: () => NOW, signaturesPerTenant: 10 });
}

function claim(metadata: Readonly<Record<string, string>>, certificate?: typeof CERTIFICATE): Claim {
  return { metadata: (key) => metadata[key], certificate: () => certificate };
}

function signature(at = NOW): Record<string, string> {
  const timestamp = new Date(at).toISOString();
  const mac = createHmac('sha256', 'secret of search-team').update(`${timestamp}:`).update(BODY).digest('hex');
  return { 'x-relay-tenant': 'search-team', 'x-relay-timestamp': timestamp, 'x-relay-signature': mac };
}

describe('the look at a call before its request is read', () => {
  for (const [what, refused] of [
    ['no credential', claim({})],
    ['an unknown token', claim({ authorization: 'Bearer nobody' })],
    ['tokens and certificates of two tenants', claim({ authorization: 'Bearer ads-team' }, CERTIFICATE)],
    ['a certificate that has expired', claim({}, { ...CERTIFICATE, valid_to: 'Nov 21 00:00:00 2026 GMT' })],
    ['a part of a signature', claim({ 'x-relay-tenant': 'search-team' })],
    ['a stale signature', claim(signature(NOW - 600_000))],
    ['an unknown token beside a signature', claim({ ...signature(), authorization: 'Bearer nobody' })],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => authenticator().screen(refused),
        (thrown) => thrown instanceof RelayError && thrown.status === 'UNAUTHENTICATED',
      );
    });
  }

  it('lets through whatever a request may yet make good, and uses nothing up', () => {
    const own = authenticator();
    const held = [claim(signature()), claim({ authorization: 'Bearer ads-team' }), claim({}, CERTIFICATE)];
    for (const each of [...held, ...held]) own.screen(each);
    assert.equal(own.authenticate({ ...claim(signature()), body: BODY }).name, 'search-team');
  });

  it('leaves it to the request whether a signature fits', () => {
    const wrong = claim({ ...signature(), 'x-relay-signature': '0'.repeat(64), 'x-relay-tenant': 'nobody' });
    authenticator().screen(wrong);
    assert.throws(() => authenticator().authenticate({ ...wrong, body: BODY }), { reason: 'SIGNATURE_MISMATCH' });
  });

  it('lets everybody through where no tenant is known', () => {
    authenticator([]).screen(claim({}));
  });
});
