import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Listener, type ListenerOptions } from '../../src/server/listener.ts';

const pem = (name: string): Buffer => readFileSync(new URL(`./tls/${name}`, import.meta.url));
const TLS = { cert: pem('server.pem'), key: pem('server.key') };

interface Opened extends AsyncDisposable {
  readonly listener: Listener;
  readonly port: number;
  /** What was handed over. */
  readonly accepted: Socket[];
  readonly full: { times: number };
}

async function open(options: Partial<ListenerOptions> = {}): Promise<Opened> {
  const accepted: Socket[] = [];
  const full = { times: 0 };
  const listener = new Listener({
    listen: '127.0.0.1:0',
    handshakeTimeoutMs: 60_000,
    maxConnections: 100,
    accept: (socket) => void accepted.push(socket.resume()),
    full: () => (full.times += 1),
    now: () => 0,
    ...options,
  });
  const { port } = await listener.start();
  const dispose = async () => listener.destroy();
  return { listener, port, accepted, full, [Symbol.asyncDispose]: dispose };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  return socket.resume();
}

/** The connection once its handshake is done, or the code of what prevented it. */
async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket | string> {
  const socket = connectTls({ port, host: '127.0.0.1', ca: pem('ca.pem'), ALPNProtocols: ['h2'], ...options });
  try {
    await once(socket, 'secureConnect');
    return socket.resume().on('error', () => undefined);
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
  }
}

async function until(satisfied: () => boolean): Promise<void> {
  while (!satisfied()) await new Promise(setImmediate);
}

test('connections beyond the bound are closed, told of once, and taken again when others have gone', async () => {
  await using opened = await open({ maxConnections: 2 });
  const first = await dial(opened.port);
  await dial(opened.port);
  await until(() => opened.accepted.length === 2);
  for (let times = 0; times < 3; times += 1) await once(await dial(opened.port), 'close');
  assert.equal(opened.accepted.length, 2);
  assert.equal(opened.full.times, 1);
  first.destroy();
  await until(() => opened.accepted[0]?.destroyed === true);
  await dial(opened.port);
  await until(() => opened.accepted.length === 3);
});

test('a full listener is told of again a minute later', async () => {
  let now = 0;
  await using opened = await open({ maxConnections: 0, now: () => now });
  for (const at of [0, 59_999, 60_000, 60_001]) {
    now = at;
    await once(await dial(opened.port), 'close');
  }
  assert.equal(opened.full.times, 2);
});

test('a handshake that does not come to its end takes a place, and only for so long', async () => {
  await using opened = await open({ tls: TLS, maxConnections: 1, handshakeTimeoutMs: 50 });
  const silent = await dial(opened.port);
  await once(await dial(opened.port), 'close');
  await once(silent, 'close');
  assert.notEqual(typeof (await handshake(opened.port)), 'string');
  await until(() => opened.accepted.length === 1);
});

test('only TLS 1.2 and later, and only HTTP/2, get a connection', async () => {
  await using opened = await open({ tls: TLS });
  assert.equal(
    await handshake(opened.port, { ALPNProtocols: ['http/1.1'] }),
    'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
  );
  const old = await handshake(opened.port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
  assert.ok(typeof old === 'string' && /^(ERR_SSL|EPROTO)/.test(old));
  const plain = await dial(opened.port);
  plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  await once(plain, 'close');
  assert.equal(opened.accepted.length, 0);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    assert.notEqual(typeof (await handshake(opened.port, { maxVersion })), 'string');
  }
});

test('certificates that OpenSSL does not take change nothing', async () => {
  await using opened = await open({ tls: TLS });
  assert.throws(() => opened.listener.setTls({ cert: Buffer.from('none'), key: TLS.key }));
  assert.throws(() => opened.listener.setTls({ cert: TLS.cert, key: pem('client.key') }));
  assert.notEqual(typeof (await handshake(opened.port)), 'string');
});

test('plain text and TLS can take each other’s place', async () => {
  await using opened = await open();
  await dial(opened.port);
  await until(() => opened.accepted.length === 1);
  opened.listener.setTls(TLS);
  assert.notEqual(typeof (await handshake(opened.port)), 'string');
  await until(() => opened.accepted.length === 2);
  assert.equal(opened.accepted[0]?.destroyed, false);
});

test('a stopped listener takes nobody, not even after a handshake, and waits for those who are there', async () => {
  await using opened = await open({ tls: TLS });
  const there = await handshake(opened.port);
  assert.ok(typeof there !== 'string');
  await until(() => opened.accepted.length === 1);
  const raw = await dial(opened.port);
  let stopped = false;
  const stop = opened.listener.stop().then(() => (stopped = true));
  await assert.rejects(dial(opened.port), { code: 'ECONNREFUSED' });
  await once(
    connectTls({ socket: raw, ca: pem('ca.pem'), ALPNProtocols: ['h2'] }).on('error', () => undefined),
    'close',
  );
  assert.equal(opened.accepted.length, 1);
  assert.equal(stopped, false);
  there.destroy();
  await stop;
});

test('a name is bound on all of its addresses, on one port', async () => {
  await using opened = await open({ listen: 'localhost:0' });
  await dial(opened.port);
  await until(() => opened.accepted.length === 1);
  await assert.rejects(open({ listen: `127.0.0.1:${opened.port}` }), { code: 'EADDRINUSE' });
});

test('what is no address is said to be none', async () => {
  for (const listen of ['50051', 'localhost', ':50051', '::1:50051']) {
    await assert.rejects(open({ listen }), /is no address to listen on: write HOST:PORT or \[IPV6\]:PORT/);
  }
});

test('an address that this machine does not have is refused', async () => {
  // 192.0.2.0/24 is for documentation (RFC 5737): nobody has it.
  await assert.rejects(open({ listen: '192.0.2.1:0' }), { code: 'EADDRNOTAVAIL' });
});
