import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { isCurrent, namesOf, type PeerCertificate } from '../../src/access/certificate.ts';

const DATES = { valid_from: 'Nov 20 00:00:00 2026 GMT', valid_to: 'Nov 21 00:00:00 2026 GMT' };

function certificate(subjectaltname?: string, CN?: string | string[]): PeerCertificate {
  return {
    ...DATES,
    ...(subjectaltname === undefined ? {} : { subjectaltname }),
    subject: CN === undefined ? {} : { CN },
  };
}

/** CN search-team; DNS relay.example; one URI that contains `, URI:spiffe://acme.example/ads-team`. */
const FORGED_LIST = `-----BEGIN CERTIFICATE-----
MIIBpzCCAU2gAwIBAgIUGUPcds4C8W3ydEEuwAnZJ7TOnXkwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLc2VhcmNoLXRlYW0wIBcNMjYxMTIzMTcxMTAwWhgPMjEyNjEw
MzAxNzExMDBaMBYxFDASBgNVBAMMC3NlYXJjaC10ZWFtMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEHKxklaNWX4ePE0aUWcHfHrorBytkjdYV+HOlzIxTAdNsy/kd
aFdKEfNUXg0r2mvD61i74BiW9/BC1fBDOgoRgKN3MHUwVAYDVR0RBE0wS4INcmVs
YXkuZXhhbXBsZYY6aHR0cHM6Ly9ldmlsLmV4YW1wbGUveCwgVVJJOnNwaWZmZTov
L2FjbWUuZXhhbXBsZS9hZHMtdGVhbTAdBgNVHQ4EFgQUL3QGEnKAgojrodjfmDFP
VPUxuWswCgYIKoZIzj0EAwIDSAAwRQIhAOLuAYshVqIq1dX4jPoGbe6uvt1RGOQV
ORHln8OkyPf6AiBOLLFX4MpA/RNkfMhMY6hIctx/c6wUiYFNvps0Qsf5fQ==
-----END CERTIFICATE-----`;

/** CN some-pod; one SPIFFE ID beside a DNS name, an IPv6 address and a directory name that contains `, URI:spiffe://…`. */
const WORKLOAD = `-----BEGIN CERTIFICATE-----
MIIB3DCCAYKgAwIBAgIUChfupXLCVQWBThAnKbKhWIau9eswCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIc29tZS1wb2QwIBcNMjYxMTIzMTcxMTAwWhgPMjEyNjEwMzAx
NzExMDBaMBMxETAPBgNVBAMMCHNvbWUtcG9kMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEVA0dX/zrJNOVn/LhCiye1EwV7o4OG/2hV60Ak803OaZVFiR8S03TxlNQ
48Y7ieafvzVDsxQCkNGFuj1yoT9tJaOBsTCBrjCBjAYDVR0RBIGEMIGBgg1yZWxh
eS5leGFtcGxlhxAgAQ24AAAAAAAAAAAAAAABhiFzcGlmZmU6Ly9hY21lLmV4YW1w
bGUvc2VhcmNoLXRlYW2kOzA5MSswKQYDVQQDDCJhLCBVUkk6c3BpZmZlOi8vYWNt
ZS5leGFtcGxlL290aGVyMQowCAYDVQQKDAF4MB0GA1UdDgQWBBTzlwS5jchDMvRU
HbT1ZyLGT2XPNDAKBggqhkjOPQQDAgNIADBFAiACcxpr5ymLHJUxjFZScZ7eKVJw
4LWXb/D53MOe0YK8eAIhAJf+aUQ3hF2B6z4lyrEdLMMB7RnQE1w+jBfljUCFntkT
-----END CERTIFICATE-----`;

describe('the names in a client certificate', () => {
  it('are the SPIFFE ID and its whole path', () => {
    assert.deepEqual(namesOf(certificate('URI:spiffe://acme.example/search-team')), [
      'spiffe://acme.example/search-team',
      'search-team',
    ]);
  });

  it('never are the last segment of a longer path, which anybody with a namespace can choose', () => {
    const names = namesOf(certificate('URI:spiffe://cluster.local/ns/attackers/sa/search-team'));
    assert.deepEqual(names, ['spiffe://cluster.local/ns/attackers/sa/search-team', 'ns/attackers/sa/search-team']);
  });

  it('are the URI alone where it is no SPIFFE ID, and never the CN beside it', () => {
    assert.deepEqual(namesOf(certificate('URI:https://acme.example/search-team', 'ads-team')), [
      'https://acme.example/search-team',
    ]);
    assert.deepEqual(namesOf(certificate('URI:spiffe://acme.example', 'ads-team')), ['spiffe://acme.example']);
    assert.deepEqual(namesOf(certificate('URI:spiffe://acme.example/x?y=/search-team')), [
      'spiffe://acme.example/x?y=/search-team',
    ]);
  });

  it('are the CN where there is no URI', () => {
    assert.deepEqual(namesOf(certificate('DNS:relay.example, IP Address:10.0.0.1', 'search-team')), ['search-team']);
    assert.deepEqual(namesOf(certificate(undefined, 'search-team')), ['search-team']);
  });

  it('are none where the certificate is ambiguous or empty', () => {
    assert.deepEqual(namesOf(certificate('URI:spiffe://a/search-team, URI:spiffe://a/ads-team', 'x')), []);
    assert.deepEqual(namesOf(certificate(undefined, ['search-team', 'ads-team'])), []);
    assert.deepEqual(namesOf(certificate(undefined, '')), []);
    assert.deepEqual(namesOf(certificate()), []);
    assert.deepEqual(namesOf(DATES), []);
  });

  it('are none where the list of names cannot be read', () => {
    assert.deepEqual(namesOf(certificate('URI:"unclosed', 'search-team')), []);
    assert.deepEqual(namesOf(certificate('URI:"bad \\escape"', 'search-team')), []);
    assert.deepEqual(namesOf(certificate('nonsense', 'search-team')), []);
  });

  it('are those that Node reads from a real certificate, whatever else stands in it', () => {
    assert.deepEqual(namesOf(new X509Certificate(WORKLOAD).toLegacyObject()), [
      'spiffe://acme.example/search-team',
      'search-team',
    ]);
  });

  it('cannot be added by a comma within one name', () => {
    assert.deepEqual(namesOf(new X509Certificate(FORGED_LIST).toLegacyObject()), [
      'https://evil.example/x, URI:spiffe://acme.example/ads-team',
    ]);
  });
});

describe('the dates of a client certificate', () => {
  it('are looked at for each call, since a connection may outlive them', () => {
    const from = Date.parse(DATES.valid_from);
    const to = Date.parse(DATES.valid_to);
    assert.deepEqual(
      [from - 1, from, to, to + 1].map((now) => isCurrent(certificate(), now)),
      [false, true, true, false],
    );
  });

  it('hold never where they cannot be read', () => {
    assert.equal(isCurrent({ valid_from: 'soon', valid_to: DATES.valid_to }, Date.parse(DATES.valid_from)), false);
  });
});
