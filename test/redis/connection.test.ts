import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Secret } from '../../src/completion/secret.ts';
import { RedisConnection, type RedisConnectionOptions } from '../../src/redis/connection.ts';
import { RedisUnavailable } from '../../src/redis/errors.ts';
import { luaScript } from '../../src/redis/script.ts';
import { ManualClock } from './manual-clock.ts';
import { freePort, RedisServer, recovery } from './redis-server.ts';

const TIMEOUT = 50;
const PASSWORD = 'p%ss:w@rd';

let server: RedisServer;
let clock: ManualClock;
const opened: RedisConnection[] = [];

before(async () => {
  server = await RedisServer.start('--requirepass', PASSWORD);
});
after(() => server.kill());
beforeEach(() => {
  clock = new ManualClock();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((connection) => connection.close()));
});

function urlOf(port: number, password = PASSWORD): Secret {
  return new Secret(`redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`);
}

function connect(parts: Partial<RedisConnectionOptions> = {}) {
  const connection = new RedisConnection({
    url: urlOf(server.port),
    ca: undefined,
    operationTimeoutMs: TIMEOUT,
    connectTimeoutMs: 1000,
    maxPending: 100,
    clock,
    ...parts,
  });
  opened.push(connection);
  const changes: string[] = [];
  connection.onChange((state, cause) => changes.push(cause === '' ? state : `${state}: ${cause}`));
  return { connection, changes };
}

/** Resolves at the next change of state. */
function change(connection: RedisConnection): Promise<string> {
  return new Promise((resolve) => {
    const stop = connection.onChange((state) => {
      stop();
      resolve(state);
    });
  });
}

async function failure(attempt: Promise<unknown>): Promise<RedisUnavailable> {
  const thrown = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof RedisUnavailable, `not RedisUnavailable but ${inspect(thrown)}`);
  return thrown;
}

/** A server that lets connections in and never says a word. */
async function mute(): Promise<{ server: Server; port: number }> {
  const sockets = new Set<Socket>();
  const mute = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address();
  assert.ok(address !== null && typeof address !== 'string');
  mute.once('close', () => {
    for (const socket of sockets) socket.destroy();
  });
  return { server: mute, port: address.port };
}

describe('an operation', () => {
  it('is answered over one connection that is opened when first needed', async () => {
    const { connection, changes } = connect();
    const replies = await Promise.all([
      connection.command(['SET', 'greeting', 'hello']),
      connection.command(['GET', 'greeting']),
      connection.command(['GET', 'nothing']),
      connection.command(['INCR', 'counter']),
    ]);
    assert.deepEqual(replies, ['OK', 'hello', null, 1]);
    assert.deepEqual([connection.state, connection.pending, changes], ['up', 0, []]);
  });

  it('brings and takes bytes as they are', async () => {
    const { connection } = connect();
    const bytes = Buffer.from([0, 255, 13, 10, 128]);
    await connection.command(['SET', 'bytes', bytes]);
    assert.deepEqual(await connection.bytes(['GETRANGE', 'bytes', '0', '-1']), bytes);
  });

  it('that Redis refuses says why, by the code alone', async () => {
    const { connection } = connect();
    await connection.command(['SET', 'word', 'private']);
    const { failure: kind, detail, message, isMaybeDone } = await failure(connection.command(['LPUSH', 'word', 'x']));
    assert.deepEqual([kind, detail, isMaybeDone], ['refused', 'WRONGTYPE', false]);
    assert.equal(message, 'Redis: refused (WRONGTYPE)');
    assert.equal(connection.state, 'up');
  });
});

describe('a script', () => {
  it('is sent whole once and by its name from then on, also after Redis has forgotten it', async () => {
    const { connection } = connect();
    const script = luaScript("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}");
    assert.deepEqual(await connection.run(script, ['{a}runs'], [7]), ['{a}runs', '7', 1]);
    assert.deepEqual(await connection.command(['SCRIPT', 'EXISTS', script.sha1]), [1]);
    assert.deepEqual(await connection.run(script, ['{a}runs'], ['x']), ['{a}runs', 'x', 2]);
    await connection.command(['SCRIPT', 'FLUSH']);
    assert.deepEqual(await connection.run(script, ['{a}runs'], ['x']), ['{a}runs', 'x', 3]);
  });
});

describe('when Redis hangs', () => {
  afterEach(() => server.resume());

  it('calls under way wait one time-out, and later ones not at all', async () => {
    const { connection, changes } = connect();
    await connection.command(['PING']);
    server.pause();
    const late = [connection.command(['GET', 'a']), connection.command(['GET', 'b'])];
    clock.advance(TIMEOUT + 1);
    for (const attempt of late) {
      const { failure: kind, isMaybeDone } = await failure(attempt);
      assert.deepEqual([kind, isMaybeDone], ['timeout', true]);
    }
    const { failure: kind, isMaybeDone } = await failure(connection.command(['GET', 'c']));
    assert.deepEqual([kind, isMaybeDone], ['unreachable', false]);
    assert.deepEqual(changes, [], 'it is too early to give up');
  });

  it('it is forgiven if it answers soon', async () => {
    const { connection, changes } = connect();
    await connection.command(['PING']);
    server.pause();
    const late = connection.command(['SET', 'slow', 'done']);
    clock.advance(TIMEOUT + 1);
    await failure(late);
    server.resume();
    for (;;) {
      // Nothing tells of an answer that came too late but that Redis is asked again.
      const answer = await connection.command(['GET', 'slow']).catch(() => undefined);
      if (answer === 'done') break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual([connection.state, connection.pending, changes], ['up', 0, []]);
  });

  it('it is given up after a longer silence, with all that it owed, and found again in the background', async () => {
    const { connection, changes } = connect();
    await connection.command(['PING']);
    server.pause();
    const owed = failure(connection.command(['GET', 'a']));
    clock.advance(TIMEOUT + 1 + 5 * TIMEOUT);
    await owed;
    assert.deepEqual([connection.state, connection.pending, changes], ['degraded', 0, ['degraded: timeout']]);
    server.resume();
    await recovery(connection, clock);
    assert.equal(await connection.command(['PING']), 'PONG');
  });

  it('no more operations wait for it than may, whoever has given them up', async () => {
    const { connection } = connect({ maxPending: 2 });
    await connection.command(['PING']);
    server.pause();
    const waiting = [failure(connection.command(['GET', 'a'])), failure(connection.command(['GET', 'b']))];
    assert.equal((await failure(connection.command(['GET', 'c']))).failure, 'busy');
    assert.equal(connection.pending, 2);
    clock.advance(TIMEOUT + 1);
    await Promise.all(waiting);
    assert.equal(connection.pending, 2);
  });

  it('an answer that lies there unread because this process was busy is not late', async () => {
    const { connection } = connect();
    await connection.command(['PING']);
    const answer = connection.command(['PING']);
    // As if the event loop had stood still: the timer rings long after its time.
    clock.stall(TIMEOUT + 400);
    clock.advance(399);
    assert.equal(await answer, 'PONG');
  });
});

describe('when Redis goes away', () => {
  it('operations reject at once, and trials come at growing intervals until one succeeds', async () => {
    const { connection, changes } = connect();
    await connection.command(['PING']);
    const lost = change(connection);
    await server.kill();
    assert.equal(await lost, 'degraded');
    const delays: number[] = [];
    for (let trial = 0; trial < 12; trial++) {
      assert.equal((await failure(connection.command(['PING']))).failure, 'unreachable');
      const delay = clock.untilNext ?? 0;
      delays.push(delay);
      clock.advance(delay);
      // The trial is over when the timer of the next one is set in place of its own deadline.
      while (clock.untilNext === undefined || clock.untilNext === 2000) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    assert.deepEqual(delays.slice(0, 3), [75, 150, 300]);
    assert.equal(delays.at(-1), 22_500, 'the longest: half a minute less the jitter');
    await server.restart();
    await recovery(connection, clock);
    assert.equal(changes.length, 2, 'one line for each change, not for each trial');
    assert.equal(await connection.command(['PING']), 'PONG');
  });

  it('trials are frequent again only after it was there for a good while', async () => {
    const { connection } = connect();
    const delays: number[] = [];
    for (const lasted of [0, 29_000, 30_000]) {
      await connection.command(['PING']).catch(() => undefined);
      await recovery(connection, clock);
      clock.advance(lasted);
      const lost = change(connection);
      await server.kill();
      await lost;
      delays.push(clock.untilNext ?? 0);
      await server.restart();
    }
    assert.deepEqual(delays, [75, 150, 75]);
  });

  it('operations under way may have been done', async () => {
    const { connection } = connect();
    await connection.command(['PING']);
    server.pause();
    const attempt = failure(connection.command(['GET', 'a']));
    await new Promise((resolve) => setImmediate(resolve));
    await server.kill();
    const { failure: kind, isMaybeDone } = await attempt;
    assert.deepEqual([kind, isMaybeDone], ['lost', true]);
    await server.restart();
  });
});

describe('a connection that cannot be opened', () => {
  it('degrades, whoever waits for it, without asking anything', async () => {
    const { server: gone, port } = await mute();
    gone.close();
    await once(gone, 'close');
    const { connection, changes } = connect({ url: urlOf(port) });
    const { failure: kind, isMaybeDone } = await failure(connection.command(['GET', 'a']));
    assert.deepEqual([kind, isMaybeDone], ['unreachable', false]);
    assert.deepEqual(changes, ['degraded: ECONNREFUSED']);
  });

  it('costs one time-out where nobody answers, and then nothing until its own deadline', async () => {
    const { server: silent, port } = await mute();
    const { connection, changes } = connect({ url: urlOf(port) });
    const first = failure(connection.command(['GET', 'a']));
    clock.advance(TIMEOUT + 1);
    assert.equal((await first).isMaybeDone, false);
    assert.equal((await failure(connection.command(['GET', 'a']))).failure, 'unreachable');
    const given = change(connection);
    clock.advance(2000);
    assert.equal(await given, 'degraded');
    assert.deepEqual(changes, ['degraded: timeout']);
    await connection.close();
    silent.close();
  });

  it('is not used later for what nobody waits for any more', async () => {
    const { connection } = connect();
    server.pause();
    const late = failure(connection.command(['SET', 'late', 'x']));
    clock.advance(TIMEOUT + 1);
    assert.equal((await late).isMaybeDone, false);
    server.resume();
    let answer: unknown;
    while (answer === undefined) {
      answer = await connection.command(['EXISTS', 'late']).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(answer, 0);
  });

  it('is no connection while Redis lets everybody in and serves nobody', async () => {
    const loading = createServer((socket) => {
      socket.on('data', (chunk) => {
        for (const [, name] of chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
          socket.write(name === 'PING' ? '-LOADING Redis is loading the dataset in memory\r\n' : '+OK\r\n');
        }
      });
    }).listen(0, '127.0.0.1');
    await once(loading, 'listening');
    const address = loading.address();
    assert.ok(address !== null && typeof address !== 'string');
    const { connection, changes } = connect({ url: urlOf(address.port) });
    await failure(connection.command(['GET', 'a']));
    assert.deepEqual(changes, ['degraded: LOADING']);
    loading.close();
  });

  it('degrades where the password is wrong, and shows neither password nor address', async () => {
    const { connection, changes } = connect({ url: urlOf(server.port, 'guess') });
    const error = await failure(connection.command(['GET', 'a']));
    assert.deepEqual(changes, ['degraded: WRONGPASS']);
    const shown = inspect([error, connection, error.stack], { depth: 10, showHidden: true });
    assert.doesNotMatch(shown, /guess|127\.0\.0\.1/);
  });

  it('degrades where a password is wanted and none is there', async () => {
    const { connection, changes } = connect({ url: server.url });
    await failure(connection.command(['GET', 'a']));
    assert.deepEqual(changes, ['degraded: NOAUTH']);
  });

  it('is refused at the start where the URL is none, without telling it', () => {
    for (const url of [
      'redis:/',
      'http://:hidden@host',
      'redis://:hidden@host/a',
      'hidden',
      'redis://:hidden%zz@host',
    ]) {
      assert.throws(
        () => connect({ url: new Secret(url) }),
        (error: unknown) => error instanceof Error && !inspect(error).includes('hidden'),
      );
    }
  });
});

describe('a Redis that refuses everything', () => {
  it('is left alone after three refusals in a row', async () => {
    const full = await RedisServer.start('--maxmemory', '1');
    try {
      const { connection, changes } = connect({ url: full.url });
      for (let attempt = 0; attempt < 3; attempt++) {
        assert.equal((await failure(connection.command(['SET', 'a', 'b']))).detail, 'OOM');
      }
      assert.deepEqual(changes, ['degraded: OOM']);
      assert.equal((await failure(connection.command(['SET', 'a', 'b']))).failure, 'unreachable');
    } finally {
      await full.kill();
    }
  });
});

describe('a connection by rediss', () => {
  const pem = (name: string): string => fileURLToPath(new URL(`../server/tls/${name}.pem`, import.meta.url));
  const key = fileURLToPath(new URL('../server/tls/server.key', import.meta.url));
  let secured: RedisServer;
  let port: number;

  before(async () => {
    port = await freePort();
    const tls = ['--tls-cert-file', pem('server'), '--tls-key-file', key, '--tls-auth-clients', 'no'];
    secured = await RedisServer.start('--tls-port', String(port), ...tls);
  });
  after(() => secured.kill());

  it('is encrypted, and with whom the authority has vouched for', async () => {
    const { connection } = connect({
      url: new Secret(`rediss://localhost:${port}/3`),
      ca: readFileSync(pem('ca'), 'utf8'),
    });
    assert.equal(await connection.command(['PING']), 'PONG');
    assert.match(String(await connection.command(['CLIENT', 'INFO'])), /name=claude-relay .* db=3 /);
  });

  it('is refused where nobody has', async () => {
    const { connection, changes } = connect({ url: new Secret(`rediss://localhost:${port}`) });
    await failure(connection.command(['PING']));
    assert.deepEqual(changes, ['degraded: UNABLE_TO_VERIFY_LEAF_SIGNATURE']);
  });
});

describe('closing', () => {
  it('lets operations under way end, and refuses later ones', async () => {
    const { connection } = connect();
    await connection.command(['PING']);
    const last = connection.command(['PING']);
    const closed = connection.close();
    assert.equal(await last, 'PONG');
    await closed;
    assert.equal((await failure(connection.command(['PING']))).failure, 'unreachable');
    assert.equal(clock.untilNext, undefined, 'no timer is left');
  });

  it('waits for a Redis that hangs no longer than an operation may take', async () => {
    const { connection } = connect();
    await connection.command(['PING']);
    server.pause();
    const owed = failure(connection.command(['PING']));
    const closed = connection.close();
    clock.advance(TIMEOUT + 1);
    await closed;
    await owed;
    server.resume();
  });

  it('is right at any time: before the first use, while opening, while Redis is gone', async () => {
    await connect().connection.close();

    const opening = connect().connection;
    const attempt = failure(opening.command(['PING']));
    await opening.close();
    await attempt;
    const { connection } = connect();
    const clients = async (): Promise<number> =>
      String(await connection.command(['CLIENT', 'LIST', 'TYPE', 'normal']))
        .trim()
        .split('\n').length;
    // The socket that was being opened may live for a moment.
    for (let look = 0; look < 200 && (await clients()) > 1; look++)
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await clients(), 1);
    await connection.close();

    const refused = connect({ url: urlOf(server.port, 'guess') }).connection;
    await failure(refused.command(['PING']));
    await refused.close();
    assert.equal(clock.untilNext, undefined, 'no timer is left');
  });
});
