/** Certificates, authorities and tenants' secrets change while the relay runs, and no connection is dropped for it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { Client, credentials } from '@grpc/grpc-js';
import { parseLatency } from '../../src/simulator/latency.ts';
import { startRelay as startProcess } from '../interop/processes.ts';
import {
  ask,
  bearer,
  call,
  pem,
  pemPath,
  secretOf,
  server,
  sha256,
  signed,
  startSecured,
  tenant,
  tls,
  tlsClient,
  tokenOf,
  verdict,
} from './secured-relay.ts';

const RENEWED = { cert_file: pemPath('renewed-server.pem'), key_file: pemPath('renewed-server.key') };
const TOKEN = bearer(tokenOf('search-team'));
const QUICK = { deadline: 1_000 };

describe('a relay whose certificate is renewed', () => {
  it('shows the new one to new connections, and goes on with those that are there', async () => {
    await using relay = await startSecured({
      settings: server({ tls: tls() }),
      simulator: { latency: parseLatency('300ms') },
    });
    const old = relay.connect(tlsClient());
    assert.equal(verdict(await call(old, TOKEN)), 'OK');
    const underWay = call(old, TOKEN);
    await relay.simulator.findRequest(({ outcome }) => outcome === 'open');
    await relay.reload(server({ tls: RENEWED }));

    assert.equal(verdict(await call(relay.connect(tlsClient(undefined, 'other-ca.pem')), TOKEN)), 'OK');
    assert.notEqual(verdict(await call(relay.connect(tlsClient()), TOKEN, ask(), QUICK)), 'OK');
    assert.equal(verdict(await underWay), 'OK');
    assert.equal(verdict(await call(old, TOKEN)), 'OK');
    assert.equal(old.getChannel().getConnectivityState(false), 2);
  });

  it('stays as it is where the new one is none, or its key is another’s', async () => {
    await using relay = await startSecured({ settings: server({ tls: tls() }) });
    const unusable = [
      { ...RENEWED, key_file: pemPath('server.key') },
      { ...RENEWED, cert_file: pemPath('make.sh') },
      { ...RENEWED, cert_file: pemPath('nowhere.pem') },
    ];
    for (const each of unusable) await assert.rejects(relay.reload(server({ tls: each })));
    assert.equal(verdict(await call(relay.connect(tlsClient()), TOKEN)), 'OK');
  });
});

describe('a relay whose client authority is replaced', () => {
  it('takes certificates of the new one alone for new connections', async () => {
    await using relay = await startSecured({ settings: server({ tls: tls({ clients: true }) }) });
    const old = relay.connect(tlsClient('search-team'));
    assert.equal(verdict(await call(old, {})), 'OK');
    await relay.reload(server({ tls: { ...tls(), client_ca_file: pemPath('other-ca.pem') } }));
    assert.equal(verdict(await call(relay.connect(tlsClient('foreign')), {})), 'OK');
    assert.notEqual(verdict(await call(relay.connect(tlsClient('search-team')), {}, ask(), QUICK)), 'OK');
    // Until its connection ends of old age (max_connection_age), or its certificate expires.
    assert.equal(verdict(await call(old, {})), 'OK');
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`resumes no session of the time before (${version})`, async () => {
      await using relay = await startSecured({ settings: server({ tls: tls({ clients: true }) }) });
      const dial = (session?: Buffer): TLSSocket =>
        connect({
          port: relay.port,
          host: '127.0.0.1',
          ca: pem('ca.pem'),
          cert: pem('search-team.pem'),
          key: pem('search-team.key'),
          ALPNProtocols: ['h2'],
          minVersion: version,
          maxVersion: version,
          ...(session === undefined ? {} : { session }),
        }).on('error', () => undefined);
      const first = dial();
      const [session] = (await once(first, 'session')) as [Buffer];
      first.resume();
      const again = dial(session);
      await once(again, 'secureConnect');
      assert.equal(again.isSessionReused(), true, 'before the change, sessions are resumed');
      again.destroy();
      await relay.reload(server({ tls: { ...tls(), client_ca_file: pemPath('other-ca.pem') } }));
      const late = dial(session);
      let resumed = false;
      let greeted = false;
      late.on('secureConnect', () => (resumed = late.isSessionReused()));
      late.on('data', () => (greeted = true));
      await new Promise((resolve) => late.once('close', resolve));
      assert.deepEqual({ resumed, greeted }, { resumed: false, greeted: false });
      first.destroy();
    });
  }
});

describe('a relay whose tenants are replaced', () => {
  it('takes new tokens and secrets on the connections that are there, and the old ones no more', async () => {
    await using relay = await startSecured();
    const client = relay.connect();
    const request = ask();
    const proof = signed('search-team', request);
    assert.equal(verdict(await call(client, proof, request)), 'OK');
    assert.equal(verdict(await call(client, TOKEN)), 'OK');
    const renewed = { token_sha256: sha256('new-token'), hmac_secret: 'new secret' };
    await relay.reload({ tenants: [tenant('search-team', renewed)] });
    assert.equal(verdict(await call(client, bearer('new-token'))), 'OK');
    const next = ask();
    assert.equal(verdict(await call(client, signed('search-team', next, new Date(), 'new secret'), next)), 'OK');
    assert.equal(verdict(await call(client, TOKEN)), 'UNAUTHENTICATED UNAUTHENTICATED');
    const stale = signed('search-team', next, new Date(), secretOf('search-team'));
    assert.equal(verdict(await call(client, stale, next)), 'UNAUTHENTICATED SIGNATURE_MISMATCH');
    // A removed tenant is nobody; a signature accepted before the change stays used.
    assert.equal(verdict(await call(client, bearer(tokenOf('ads-team')))), 'UNAUTHENTICATED UNAUTHENTICATED');
    await relay.reload({ tenants: [tenant('search-team')] });
    assert.equal(verdict(await call(client, proof, request)), 'UNAUTHENTICATED SIGNATURE_REPLAYED');
  });

  it('stays as it is where two of them would have one secret', async () => {
    await using relay = await startSecured();
    await assert.rejects(
      relay.reload({ tenants: [tenant('a', { hmac_secret: 's' }), tenant('b', { hmac_secret: 's' })] }),
    );
    assert.equal(verdict(await call(relay.connect(), TOKEN)), 'OK');
  });
});

describe('the command serve', () => {
  it('follows the files of certificates and secrets', async (test) => {
    const folder = mkdtempSync(join(tmpdir(), 'relay-files-'));
    test.after(() => rmSync(folder, { recursive: true }));
    const file = (name: string): string => join(folder, name);
    /** Replaced in one step, as careful programs do it. */
    const replace = (name: string, content: Buffer | string): void => {
      writeFileSync(file(`${name}.new`), content);
      renameSync(file(`${name}.new`), file(name));
    };
    cpSync(pemPath('server.pem'), file('server.pem'));
    cpSync(pemPath('server.key'), file('server.key'));
    replace('secret', 'first secret\n');
    const settings = {
      server: { listen: '127.0.0.1:0', tls: { cert_file: 'server.pem', key_file: 'server.key' } },
      tenants: [{ name: 'search-team', hmac_secret_file: 'secret' }],
    };
    writeFileSync(file('relay.yaml'), JSON.stringify(settings));
    await using relay = await startProcess({ env: { RELAY_CONFIG: file('relay.yaml') } });
    const reloads = (): number => relay.log.filter((line) => line.includes('configuration reloaded')).length;
    const reloaded = async (times: number): Promise<void> => {
      while (reloads() < times) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    const attempt = async (client: Client, secret: string): Promise<string> => {
      const request = ask();
      return verdict(await call(client, signed('search-team', request, new Date(), secret), request));
    };
    const old = new Client(relay.address, credentials.createSsl(pem('ca.pem')));
    test.after(() => old.close());
    assert.equal(await attempt(old, 'first secret'), 'OK');

    replace('secret', 'second secret\n');
    await reloaded(1);
    assert.equal(await attempt(old, 'second secret'), 'OK');
    assert.equal(await attempt(old, 'first secret'), 'UNAUTHENTICATED SIGNATURE_MISMATCH');

    // The pair is replaced by two steps: between them the relay may see halves, and stays as it is.
    replace('server.key', readFileSync(pemPath('renewed-server.key')));
    replace('server.pem', readFileSync(pemPath('renewed-server.pem')));
    await reloaded(2);
    const fresh = new Client(relay.address, tlsClient(undefined, 'other-ca.pem'), {
      'grpc.use_local_subchannel_pool': 1,
    });
    test.after(() => fresh.close());
    assert.equal(await attempt(fresh, 'second secret'), 'OK');
    assert.equal(await attempt(old, 'second secret'), 'OK');
  });
});
