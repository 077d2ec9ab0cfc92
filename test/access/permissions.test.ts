import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mayCall, requireModel, requireRegion, requireRpc } from '../../src/access/permissions.ts';
import { ANONYMOUS, type Tenant } from '../../src/access/tenant.ts';
import { RelayError } from '../../src/completion/errors.ts';

const COMPLETE = '/claude.relay.v1.RelayService/Complete';

function tenant(permissions: Partial<Tenant>): Tenant {
  return { ...ANONYMOUS, name: 'search-team', ...permissions };
}

function denied(allowed: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof RelayError && error.reason === 'PERMISSION_DENIED' && error.message.includes(`: ${allowed}.`);
}

describe('the RPCs of a tenant', () => {
  it('may be given in full, without the package, or by the method alone', () => {
    for (const pattern of [
      'claude.relay.v1.RelayService/Complete',
      'RelayService/Complete',
      'Complete',
      'RelayService/*',
      '*',
    ]) {
      assert.equal(mayCall(tenant({ rpcs: [pattern] }), COMPLETE), true, pattern);
    }
  });

  it('are no others than those given', () => {
    for (const pattern of ['CompleteStream', 'BatchService/*', 'Service/Complete', 'complete', '']) {
      assert.equal(mayCall(tenant({ rpcs: [pattern] }), COMPLETE), false, pattern);
    }
    assert.equal(mayCall(tenant({ rpcs: [] }), COMPLETE), false);
    assert.equal(mayCall(tenant({ rpcs: ['Complete'] }), '/claude.relay.v1.RelayService/CompleteStream'), false);
  });

  it('are named to a caller that asks for another', () => {
    assert.throws(
      () => requireRpc(tenant({ rpcs: ['Complete', 'CountTokens'] }), '/a.B/C'),
      denied('Complete, CountTokens'),
    );
    requireRpc(tenant({ rpcs: ['Complete'] }), COMPLETE);
  });
});

describe('the models of a tenant', () => {
  it('are named to a caller that asks for another', () => {
    requireModel(tenant({ models: ['claude-haiku-*'] }), 'claude-haiku-4-5');
    assert.throws(
      () => requireModel(tenant({ models: ['claude-haiku-*'] }), 'claude-opus-5'),
      denied('claude-haiku-*'),
    );
    assert.throws(() => requireModel(tenant({ models: [] }), 'claude-opus-5'), denied('none'));
  });
});

describe('the regions of a tenant', () => {
  it('are all where all are allowed', () => {
    assert.equal(requireRegion(tenant({}), ''), '');
    assert.equal(requireRegion(tenant({}), 'eu-west'), 'eu-west');
  });

  it('keep a call that names none within the only one', () => {
    assert.equal(requireRegion(tenant({ regions: ['eu-west'] }), ''), 'eu-west');
  });

  it('must be chosen from where there are several', () => {
    const european = tenant({ regions: ['eu-west', 'eu-north'] });
    assert.equal(requireRegion(european, 'eu-north'), 'eu-north');
    assert.throws(() => requireRegion(european, ''), denied('eu-west, eu-north'));
    assert.throws(() => requireRegion(tenant({ regions: ['eu-*'] }), ''), denied('eu-*'));
    assert.throws(() => requireRegion(european, 'us-east'), denied('eu-west, eu-north'));
    assert.throws(() => requireRegion(tenant({ regions: [] }), ''), denied('none'));
  });
});
