import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { callerOf, signer } from '../../src/cli/caller.ts';

describe('the caller that flags describe', () => {
  let folder = '';
  let secretFile = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'relay-caller-'));
    secretFile = join(folder, 'secret');
    writeFileSync(secretFile, 'shared secret\n');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('proves nothing without any', () => {
    const metadata = new Metadata();
    callerOf({ tls: false }).prove(metadata, Buffer.from('request'));
    assert.deepEqual(metadata.getMap(), {});
  });

  it('sends its token, and a signature over the request without the line break that an editor left', () => {
    const metadata = new Metadata();
    const request = Buffer.from('request');
    callerOf({ tls: false, token: 'T', tenant: 'search-team', secretFile }).prove(metadata, request);
    const timestamp = String(metadata.get('x-relay-timestamp')[0]);
    const mac = createHmac('sha256', 'shared secret').update(`${timestamp}:`).update(request).digest('hex');
    assert.deepEqual(metadata.getMap(), {
      authorization: 'Bearer T',
      'x-relay-tenant': 'search-team',
      'x-relay-timestamp': timestamp,
      'x-relay-signature': mac,
    });
  });

  it('signs each moment and each request anew', () => {
    const sign = signer({ tenant: 'search-team', secretFile });
    const at = new Date('2026-01-31T12:00:00Z');
    const signature = (request: string, when: Date) => sign?.(Buffer.from(request), when)['x-relay-signature'];
    const three = [signature('a', at), signature('b', at), signature('a', new Date(at.getTime() + 1))];
    assert.equal(new Set(three).size, 3);
  });

  it('is none where one flag lacks another, or a file is not there', () => {
    assert.throws(() => callerOf({ tls: false, tenant: 'search-team' }), /--tenant and --secret-file go together/);
    assert.throws(() => callerOf({ tls: false, secretFile }), /--tenant and --secret-file go together/);
    assert.throws(() => callerOf({ tls: true, cert: secretFile }), /--cert and --key go together/);
    const none = join(folder, 'none');
    assert.throws(() => callerOf({ tls: false, tenant: 'a', secretFile: none }), {
      message: `--secret-file: ${none} is not there.`,
    });
    assert.throws(() => callerOf({ tls: false, ca: folder }), { message: `--ca: ${folder} cannot be read.` });
  });

  it('calls over TLS where it trusts authorities or has a certificate', () => {
    assert.equal(callerOf({ tls: false }).channel._isSecure(), false);
    assert.equal(callerOf({ tls: true }).channel._isSecure(), true);
  });
});
