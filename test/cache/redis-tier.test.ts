import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { encodeStored, type Stored } from '../../src/cache/envelope.ts';
import { RedisTier, type RedisTierOptions } from '../../src/cache/redis-tier.ts';
import { RedisConnection } from '../../src/redis/connection.ts';
import { ManualClock } from '../redis/manual-clock.ts';
import { quiet, RedisServer, recovery } from '../redis/redis-server.ts';

const TIMEOUT = 30;
const TTL = 300_000;
const MAX = 4096;

let server: RedisServer;
let clock: ManualClock;
let redis: RedisConnection;

before(async () => {
  server = await RedisServer.start();
});
after(() => server.kill());
beforeEach(async () => {
  clock = new ManualClock();
  redis = open();
  await redis.command(['FLUSHALL']);
});
afterEach(() => redis.close());

function open(): RedisConnection {
  const timing = { operationTimeoutMs: TIMEOUT, connectTimeoutMs: 1000, maxPending: 100, clock };
  return new RedisConnection({ url: server.url, ca: undefined, ...timing });
}

function tier(parts: Partial<RedisTierOptions> = {}): RedisTier {
  return new RedisTier({ redis, maxEntryBytes: MAX, maxWrites: 10, now: () => clock.wallNow(), ...parts });
}

function answer(body = '{"type":"message"}'): Stored {
  return { body, storedAtMs: clock.wallNow(), ttlMs: TTL };
}

function keyOf(key: string): string {
  return `claude-relay:cache:v1:${key}`;
}

describe('the shared level of the response cache', () => {
  it('hands one replica what another has kept, for as long as it may', async () => {
    const other = open();
    try {
      tier().set('digest', answer(), TTL);
      // The same connection, and so after the write.
      await redis.command(['PING']);
      const found = tier({ redis: other });
      assert.deepEqual(await found.get('digest'), answer());
      assert.equal(await found.get('unknown'), undefined);
      assert.deepEqual([found.metrics.hits, found.metrics.misses], [1, 1]);
      const left = await redis.command(['PTTL', keyOf('digest')]);
      assert.ok(typeof left === 'number' && left > 0 && left <= TTL, `it lives ${String(left)} ms`);
    } finally {
      await other.close();
    }
  });

  it('serves nothing that is too old by its own clock, whatever Redis thinks', async () => {
    const shared = tier();
    shared.set('digest', answer(), TTL);
    await redis.command(['PING']);
    clock.advance(TTL - 1);
    assert.notEqual(await shared.get('digest'), undefined);
    clock.advance(1);
    assert.equal(await shared.get('digest'), undefined);
  });

  it('asks Redis once for equal look-ups that come together, and anew after a write', async () => {
    const asked: string[] = [];
    const watched = {
      command: redis.command.bind(redis),
      bytes: (args: readonly string[]) => {
        asked.push(args[1] ?? '');
        return redis.bytes(args);
      },
    };
    const shared = tier({ redis: watched });
    shared.set('digest', answer('1'), TTL);
    const early = Array.from({ length: 1000 }, () => shared.get('digest'));
    const other = shared.get('other');
    shared.set('digest', answer('2'), TTL);
    const late = [shared.get('digest'), shared.get('digest')];
    assert.deepEqual(new Set((await Promise.all(early)).map((found) => found?.body)), new Set(['1']));
    assert.deepEqual(new Set((await Promise.all(late)).map((found) => found?.body)), new Set(['2']));
    assert.equal(await other, undefined);
    assert.deepEqual(asked, ['digest', 'other', 'digest'].map(keyOf));
    await shared.get('digest');
    assert.equal(asked.length, 4);
    assert.deepEqual([shared.metrics.hits, shared.metrics.misses], [3, 1]);
  });

  it('keeps nothing that has no time left', async () => {
    const shared = tier();
    for (const ttlMs of [0, -5, 0.9, Number.NaN]) shared.set('digest', answer(), ttlMs);
    assert.equal(await shared.get('digest'), undefined);
    assert.equal(shared.metrics.writes, 0);
  });

  it('forgets what is deleted, in the order in which it was told', async () => {
    const shared = tier();
    shared.set('digest', answer(), TTL);
    await shared.delete('digest');
    assert.equal(await shared.get('digest'), undefined);
    await shared.delete('digest');
    shared.set('digest', answer('2'), TTL);
    assert.equal((await shared.get('digest'))?.body, '2');
  });
});

describe('a value that cannot be an answer', () => {
  const damaged: readonly (readonly [what: string, spoil: (bytes: Buffer) => Buffer])[] = [
    ['is cut', (bytes) => bytes.subarray(0, -1)],
    ['has a changed byte', (bytes) => bytes.fill(bytes.readUInt8(30) ^ 1, 30, 31)],
    ['is of another version', (bytes) => bytes.fill(9, 0, 1)],
    ['is something else', () => Buffer.from('{"type":"message"}')],
  ];
  for (const [what, spoil] of damaged) {
    it(`is a miss where it ${what}, and deleted`, async () => {
      const bytes = encodeStored(answer(`{"text":"${'word '.repeat(200)}"}`), MAX);
      assert.ok(bytes !== undefined);
      await redis.command(['SET', keyOf('digest'), spoil(bytes)]);
      const shared = tier();
      assert.equal(await shared.get('digest'), undefined);
      assert.equal(shared.metrics.undecodable, 1);
      assert.equal(await redis.command(['EXISTS', keyOf('digest')]), 0);
    });
  }

  it('is a miss where it is of another type, deleted, and no reason to leave Redis alone', async () => {
    const shared = tier();
    for (const key of ['a', 'b', 'c', 'd']) {
      await redis.command(['RPUSH', keyOf(key), 'x']);
      assert.equal(await shared.get(key), undefined);
      assert.equal(await redis.command(['EXISTS', keyOf(key)]), 0);
    }
    assert.equal(redis.state, 'up');
  });
});

describe('sizes', () => {
  it('beyond the bound are not written', async () => {
    const shared = tier();
    shared.set('digest', answer('x'.repeat(MAX + 1)), TTL);
    assert.equal(shared.metrics.writesDropped, 1);
    assert.equal(await shared.get('digest'), undefined);
  });

  it('beyond the bound displace what was there before: a refresh is not undone', async () => {
    const shared = tier({ maxWrites: 1 });
    for (const key of ['large', 'many']) {
      shared.set(key, answer('old'), TTL);
      await quiet(redis);
    }
    shared.set('large', answer('x'.repeat(MAX + 1)), TTL);
    shared.set('another', answer(), TTL);
    shared.set('many', answer('new'), TTL);
    assert.deepEqual(
      await Promise.all(['large', 'many', 'another'].map(async (key) => (await shared.get(key))?.body)),
      [undefined, undefined, answer().body],
    );
  });

  it('beyond the bound are not read either, nor fetched whole', async () => {
    await redis.command(['SET', keyOf('digest'), Buffer.alloc(10 * MAX)]);
    let fetched = 0;
    const watched = {
      command: redis.command.bind(redis),
      bytes: async (args: readonly string[]) => {
        const bytes = await redis.bytes(args);
        fetched = bytes.length;
        return bytes;
      },
    };
    assert.equal(await tier({ redis: watched }).get('digest'), undefined);
    assert.equal(fetched, MAX + 1);
  });

  it('of what waits to be written are bounded by leaving writes out', async () => {
    const shared = tier({ maxWrites: 2 });
    for (let write = 0; write < 5; write++) shared.set(`digest${write}`, answer(), TTL);
    assert.equal(shared.metrics.writesDropped, 3);
    await quiet(redis);
    shared.set('later', answer(), TTL);
    assert.notEqual(await shared.get('later'), undefined);
  });
});

describe('losing Redis', () => {
  it('costs hits, and one time-out', async () => {
    const shared = tier();
    shared.set('digest', answer(), TTL);
    await shared.get('digest');
    server.pause();
    try {
      const late = shared.get('digest');
      clock.advance(TIMEOUT + 1);
      assert.equal(await late, undefined);
      // Time stands still, and yet these end.
      assert.equal(await shared.get('digest'), undefined);
      shared.set('digest', answer(), TTL);
      await shared.delete('digest');
      assert.equal(shared.metrics.unavailable, 2);
    } finally {
      server.resume();
    }
  });

  it('and finding it again brings hits back', async () => {
    const shared = tier();
    shared.set('digest', answer(), TTL);
    await redis.command(['PING']);
    const lost = new Promise((resolve) => redis.onChange(resolve));
    await server.kill();
    await lost;
    assert.equal(await shared.get('digest'), undefined);
    await server.restart();
    await recovery(redis, clock);
    assert.equal(await shared.get('digest'), undefined, 'it is empty now');
    shared.set('digest', answer(), TTL);
    assert.deepEqual((await shared.get('digest'))?.body, answer().body);
  });
});
