import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RelayError } from '../../src/completion/errors.ts';
import { transportError } from '../../src/providers/transport-error.ts';

const metadata = { account: 'primary', region: 'local' };

function failure(code: string): Error {
  return Object.assign(new Error(`${code} 10.0.0.1:443`), { code });
}

describe('failures of a connection', () => {
  for (const code of ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'CERT_HAS_EXPIRED', 'NEW_ONE']) {
    it(`by ${code} say what to do, and not where the upstream is`, () => {
      const cause = failure(code);
      const error = transportError(cause, { metadata });
      assert.deepEqual([error.reason, error.scope, error.retryable], ['UPSTREAM_UNAVAILABLE', 'endpoint', true]);
      assert.match(error.message, /Retry/);
      assert.doesNotMatch(error.message, /10\.0\.0\.1/);
      assert.deepEqual([error.cause, error.metadata], [cause, metadata]);
    });
  }

  it('keep the bytes that could not be parsed to themselves', () => {
    const { cause } = transportError(Object.assign(failure('HPE_INVALID'), { data: 'secret bytes' }), { metadata });
    assert(cause instanceof Error);
    assert.deepEqual(['data' in cause, cause.message.includes('secret')], [false, false]);
  });

  it('leave RelayErrors alone', () => {
    const error = new RelayError('CANCELLED', 'The caller went away.');
    assert.equal(transportError(error, { metadata }), error);
  });
});
