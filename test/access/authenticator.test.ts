import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { Authenticator, type Credentials } from '../../src/access/authenticator.ts';
import type { PeerCertificate } from '../../src/access/certificate.ts';
import { TenantDirectory, type TenantEntry } from '../../src/access/directory.ts';
import { ANONYMOUS } from '../../src/access/tenant.ts';
import { type Reason, RelayError } from '../../src/completion/errors.ts';
import { Secret } from '../../src/completion/secret.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const TIMESTAMP = '2026-11-20T12:00:00.123456789Z';
const BODY = Buffer.from('0a0f636c617564652d6f7075732d342d38', 'hex');
const SECRET = 'search-secret';
const TOKEN = 'search-token';

function entry(name: string, token?: string, secret?: string): TenantEntry {
  return {
    tenant: { ...ANONYMOUS, name },
    tokenSha256: token === undefined ? [] : [createHash('sha256').update(token).digest('hex')],
    ...(secret === undefined ? {} : { hmacSecret: new Secret(secret) }),
  };
}

const SEARCH = entry('search-team', TOKEN, SECRET);
const ADS = entry('ads-team', 'ads-token', 'ads-secret');
/** Proves itself by certificate only. */
const OPS = entry('spiffe://acme.example/ops');

/** Written from the contract, not with the code under test. */
function signature(secret: string, timestamp: string, body: Uint8Array): string {
  return createHmac('sha256', secret).update(timestamp).update(':').update(body).digest('hex');
}

function signed(
  change: Partial<Record<'tenant' | 'timestamp' | 'signature' | 'secret', string>> = {},
): Record<string, string> {
  const timestamp = change.timestamp ?? TIMESTAMP;
  return {
    'x-relay-tenant': change.tenant ?? 'search-team',
    'x-relay-timestamp': timestamp,
    'x-relay-signature': change.signature ?? signature(change.secret ?? SECRET, timestamp, BODY),
  };
}

function certificate(subjectaltname: string, dates: Partial<PeerCertificate> = {}): PeerCertificate {
  return {
    subject: {},
    subjectaltname,
    valid_from: 'Nov 20 00:00:00 2026 GMT',
    valid_to: 'Nov 21 00:00:00 2026 GMT',
    ...dates,
  };
}

function request(metadata: Record<string, string>, peer?: PeerCertificate, body: Uint8Array = BODY): Credentials {
  return { metadata: (key) => metadata[key], body, certificate: () => peer };
}

let now: number;
let directory: TenantDirectory;
let authenticator: Authenticator;

beforeEach(() => {
  now = NOW;
  directory = new TenantDirectory([SEARCH, ADS, OPS]);
  authenticator = new Authenticator({ directory, now: () => now, signaturesPerTenant: 3 });
});

function tenantOf(...parts: Parameters<typeof request>): string {
  return authenticator.authenticate(request(...parts)).name;
}

function assertRefused(reason: Reason, ...parts: Parameters<typeof request>): RelayError {
  try {
    authenticator.authenticate(request(...parts));
  } catch (error) {
    assert.ok(error instanceof RelayError, String(error));
    assert.equal(error.reason, reason);
    return error;
  }
  throw new assert.AssertionError({ message: 'the call was let in' });
}

describe('a call with a bearer token', () => {
  it('is from the tenant of the token', () => {
    assert.equal(tenantOf({ authorization: `Bearer ${TOKEN}` }), 'search-team');
    assert.equal(tenantOf({ authorization: 'bearer  ads-token' }), 'ads-team');
  });

  it('is refused with a token of nobody, a digest, or half a token', () => {
    const digest = SEARCH.tokenSha256[0] ?? '';
    for (const token of ['wrong', digest, TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.toUpperCase(), '%00']) {
      assertRefused('UNAUTHENTICATED', { authorization: `Bearer ${token}` });
    }
  });

  it('is refused with another scheme, an empty token, or several', () => {
    for (const header of ['', 'Bearer', 'Bearer ', `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN}, Bearer ads-token`]) {
      assertRefused('UNAUTHENTICATED', { authorization: header });
    }
  });

  it('never has its token in the error', () => {
    const error = assertRefused('UNAUTHENTICATED', { authorization: 'Bearer sk-canary' });
    assert.ok(!inspect(error, { depth: 9 }).includes('sk-canary'));
  });

  it('may use either token while one is being replaced', () => {
    const digests = [...SEARCH.tokenSha256, ...entry('x', 'new-token').tokenSha256];
    directory.replace([{ ...SEARCH, tokenSha256: digests.map((hex) => hex.toUpperCase()) }]);
    assert.equal(tenantOf({ authorization: `Bearer ${TOKEN}` }), 'search-team');
    assert.equal(tenantOf({ authorization: 'Bearer new-token' }), 'search-team');
  });
});

describe('a signed call', () => {
  it('is from the tenant that signed it', () => {
    assert.equal(tenantOf(signed()), 'search-team');
    assert.equal(tenantOf(signed({ tenant: 'ads-team', secret: 'ads-secret' })), 'ads-team');
  });

  it('fits a signature computed elsewhere', () => {
    // printf '2026-11-20T12:00:00Z:hello' | openssl dgst -sha256 -hmac search-secret
    const known = '8799158ce0a28745adadfa0df86e8e5a0af00977bf7d7a2547bff7d678500e28';
    const headers = signed({ timestamp: '2026-11-20T12:00:00Z', signature: known });
    assert.equal(tenantOf(headers, undefined, Buffer.from('hello')), 'search-team');
  });

  it('is refused when a part of the signature is missing', () => {
    for (const key of Object.keys(signed())) {
      const headers = Object.fromEntries(Object.entries(signed()).filter(([other]) => other !== key));
      assertRefused('UNAUTHENTICATED', headers);
    }
  });

  it('is refused when its time is none', () => {
    assertRefused('UNAUTHENTICATED', signed({ timestamp: '1763640000' }));
    assertRefused('UNAUTHENTICATED', signed({ timestamp: '' }));
  });

  it('is stale more than five minutes before or after its time, whatever the offset it is written in', () => {
    assert.equal(tenantOf(signed({ timestamp: '2026-11-20T11:55:00Z' })), 'search-team');
    assert.equal(tenantOf(signed({ timestamp: '2026-11-20T14:05:00+02:00' })), 'search-team');
    assertRefused('SIGNATURE_STALE', signed({ timestamp: '2026-11-20T11:54:59.999Z' }));
    const error = assertRefused('SIGNATURE_STALE', signed({ timestamp: '2026-11-20T14:05:00.001+02:00' }));
    assert.equal(error.metadata['server_time'], '2026-11-20T12:00:00.000Z');
  });

  it('does not fit when anything that was signed differs', () => {
    const good = signature(SECRET, TIMESTAMP, BODY);
    assertRefused('SIGNATURE_MISMATCH', signed({ secret: 'other' }));
    assertRefused('SIGNATURE_MISMATCH', signed({ secret: 'ads-secret' }));
    assertRefused('SIGNATURE_MISMATCH', signed({ tenant: 'ads-team' }));
    assertRefused('SIGNATURE_MISMATCH', signed({ timestamp: '2026-11-20T12:00:00.12345678Z', signature: good }));
    // The same instant and the same meaning, in other bytes.
    assertRefused('SIGNATURE_MISMATCH', signed({ timestamp: '2026-11-20T13:00:00.123456789+01:00', signature: good }));
    assertRefused('SIGNATURE_MISMATCH', signed(), undefined, Buffer.concat([BODY, Buffer.from([0])]));
    assertRefused('SIGNATURE_MISMATCH', signed(), undefined, new Uint8Array());
  });

  it('does not fit when its signature is cut, longer, or spelled otherwise', () => {
    const good = signature(SECRET, TIMESTAMP, BODY);
    const base64 = Buffer.from(good, 'hex').toString('base64');
    for (const spelled of [
      good.slice(0, 32),
      good.slice(0, -1),
      `${good}00`,
      good.toUpperCase(),
      `0x${good}`,
      ` ${good}`,
      base64,
      '',
      '0'.repeat(64),
    ]) {
      assertRefused('SIGNATURE_MISMATCH', signed({ signature: spelled }));
    }
  });

  it('tells an unknown tenant, one that does not sign and a wrong secret apart for nobody', () => {
    const errors = [{ tenant: 'nobody' }, { tenant: 'spiffe://acme.example/ops' }, { secret: 'wrong' }].map((change) =>
      assertRefused('SIGNATURE_MISMATCH', signed(change)),
    );
    assert.equal(new Set(errors.map(({ message }) => message)).size, 1);
    assertRefused('SIGNATURE_MISMATCH', signed({ tenant: '__proto__' }));
  });

  it('does not fit when any one bit of the body or the signature is turned', () => {
    const good = signed();
    fc.assert(
      fc.property(fc.nat(BODY.length * 8 - 1), (bit) => {
        const body = Buffer.from(BODY);
        body[bit >> 3] = (body[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assertRefused('SIGNATURE_MISMATCH', good, undefined, body);
      }),
    );
    fc.assert(
      fc.property(fc.nat(255), (bit) => {
        const turned = Buffer.from(good['x-relay-signature'] ?? '', 'hex');
        turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assertRefused('SIGNATURE_MISMATCH', signed({ signature: turned.toString('hex') }));
      }),
    );
  });

  it('is accepted once, until its time is stale', () => {
    assert.equal(tenantOf(signed()), 'search-team');
    assertRefused('SIGNATURE_REPLAYED', signed());
    now = NOW + 5 * 60_000;
    assertRefused('SIGNATURE_REPLAYED', signed());
    now += 1000;
    assertRefused('SIGNATURE_STALE', signed());
  });

  it('can be replayed neither before its time nor after the tenants were replaced', () => {
    const early = signed({ timestamp: '2026-11-20T12:05:00Z' });
    assert.equal(tenantOf(early), 'search-team');
    directory.replace([ADS]);
    assertRefused('SIGNATURE_MISMATCH', early);
    directory.replace([SEARCH]);
    now = NOW + 10 * 60_000;
    assertRefused('SIGNATURE_REPLAYED', early);
  });

  it('does not use its signature up by being refused', () => {
    assertRefused('SIGNATURE_MISMATCH', signed(), undefined, Buffer.from('other'));
    assertRefused('UNAUTHENTICATED', { ...signed(), authorization: 'Bearer ads-token' });
    assert.equal(tenantOf(signed()), 'search-team');
  });

  it('is refused, and no other tenant is, once its tenant has signed more than can be remembered', () => {
    for (const second of ['01', '02', '03']) tenantOf(signed({ timestamp: `2026-11-20T12:00:${second}Z` }));
    const error = assertRefused('QUOTA_EXCEEDED', signed());
    assert.deepEqual(error.metadata, { quota: 'signatures_remembered', limit: '3', subject: 'tenant:search-team' });
    assert.equal(tenantOf(signed({ tenant: 'ads-team', secret: 'ads-secret' })), 'ads-team');
    assert.equal(tenantOf({ authorization: `Bearer ${TOKEN}` }), 'search-team');
    assertRefused('SIGNATURE_REPLAYED', signed({ timestamp: '2026-11-20T12:00:01Z' }));
    assert.ok(error.retryAfter !== undefined && error.retryAfter > 0);
    now += error.retryAfter;
    assert.equal(tenantOf(signed({ timestamp: new Date(now).toISOString() })), 'search-team');
  });

  it('takes no memory while its signatures are wrong', () => {
    for (let attempt = 0; attempt < 10; attempt += 1) assertRefused('SIGNATURE_MISMATCH', signed({ secret: 'wrong' }));
    for (const second of ['01', '02', '03']) tenantOf(signed({ timestamp: `2026-11-20T12:00:${second}Z` }));
  });
});

describe('a call over mTLS', () => {
  it('is from the tenant that the certificate names', () => {
    assert.equal(tenantOf({}, certificate('URI:spiffe://acme.example/search-team')), 'search-team');
    assert.equal(tenantOf({}, certificate('URI:spiffe://acme.example/ops')), 'spiffe://acme.example/ops');
    assert.equal(tenantOf({}, certificate('DNS:x', { subject: { CN: 'ads-team' } })), 'ads-team');
  });

  it('is refused where the certificate names no tenant, or another trust domain than a tenant named in full', () => {
    assertRefused('UNAUTHENTICATED', {}, certificate('URI:spiffe://acme.example/nobody'));
    assertRefused('UNAUTHENTICATED', {}, certificate('URI:spiffe://foreign.example/ops'));
    assertRefused('UNAUTHENTICATED', {}, certificate('URI:spiffe://cluster.local/ns/x/sa/search-team'));
  });

  it('is refused once the certificate has expired or before it is valid, whatever else it carries', () => {
    const expired = certificate('URI:spiffe://acme.example/search-team', { valid_to: 'Nov 20 11:59:59 2026 GMT' });
    const early = certificate('URI:spiffe://acme.example/search-team', { valid_from: 'Nov 20 12:00:01 2026 GMT' });
    assertRefused('UNAUTHENTICATED', {}, expired);
    assertRefused('UNAUTHENTICATED', {}, early);
    assertRefused('UNAUTHENTICATED', { authorization: `Bearer ${TOKEN}` }, expired);
  });

  it('may come over a connection of no tenant, such as a mesh makes, if a token says who it is from', () => {
    const mesh = certificate('URI:spiffe://cluster.local/ns/mesh/sa/gateway');
    assert.equal(tenantOf({ authorization: `Bearer ${TOKEN}` }, mesh), 'search-team');
  });
});

describe('a call with several credentials', () => {
  it('is let in where all are of one tenant', () => {
    const peer = certificate('URI:spiffe://acme.example/search-team');
    assert.equal(tenantOf({ authorization: `Bearer ${TOKEN}`, ...signed() }, peer), 'search-team');
  });

  it('is refused where two are of different tenants', () => {
    const ads = certificate('URI:spiffe://acme.example/ads-team');
    assertRefused('UNAUTHENTICATED', { authorization: 'Bearer ads-token', ...signed() });
    assertRefused('UNAUTHENTICATED', { authorization: `Bearer ${TOKEN}` }, ads);
    assertRefused('UNAUTHENTICATED', signed(), ads);
  });

  it('is refused where one is wrong, however right the other', () => {
    assertRefused('UNAUTHENTICATED', { authorization: 'Bearer wrong', ...signed() });
    assertRefused('SIGNATURE_MISMATCH', { authorization: `Bearer ${TOKEN}`, ...signed({ secret: 'wrong' }) });
  });
});

describe('a call without credentials', () => {
  it('is refused, with what to send', () => {
    assert.match(assertRefused('UNAUTHENTICATED', {}).message, /Bearer TOKEN/);
  });

  it('is anonymous while no tenant is configured, and so is every other', () => {
    directory.replace([]);
    assert.equal(authenticator.authenticate(request({})), ANONYMOUS);
    assert.equal(authenticator.authenticate(request({ authorization: 'Bearer x' })), ANONYMOUS);
    assert.equal(directory.get('anonymous'), ANONYMOUS);
    directory.replace([SEARCH]);
    assertRefused('UNAUTHENTICATED', {});
    assert.equal(directory.get('anonymous'), undefined);
  });
});

describe('the tenants', () => {
  it('are replaced while the relay runs, in one step', () => {
    directory.replace([{ ...SEARCH, tenant: { ...SEARCH.tenant, weight: 7 } }]);
    assert.equal(authenticator.authenticate(request({ authorization: `Bearer ${TOKEN}` })).weight, 7);
    assertRefused('UNAUTHENTICATED', { authorization: 'Bearer ads-token' });
  });

  it('stay as they are where the new ones cannot be', () => {
    const short = { ...ADS, tokenSha256: ['abc'] };
    assert.throws(() => directory.replace([SEARCH, SEARCH]), /Two tenants are named search-team/);
    assert.throws(() => directory.replace([SEARCH, { ...ADS, tokenSha256: SEARCH.tokenSha256 }]), /same token/);
    assert.throws(() => directory.replace([SEARCH, entry('x', undefined, SECRET)]), /search-team and x .* secret/);
    assert.throws(() => directory.replace([short]), /not a SHA-256 in hex/);
    assert.throws(() => directory.replace([entry('x', undefined, '')]), /secret of tenant x is empty/);
    assert.equal(tenantOf({ authorization: 'Bearer ads-token' }), 'ads-team');
  });

  it('show none of their secrets to whoever prints them', () => {
    const shown = inspect([directory, authenticator, directory.keyOf('search-team')], { depth: 9, showHidden: true });
    assert.ok(!shown.includes(SECRET) && !shown.includes(Buffer.from(SECRET).toString('hex')));
    assert.equal(JSON.stringify(directory.keyOf('search-team')), '{}');
  });
});
