import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { RedisReplayMemory } from '../../src/access/redis-replay-memory.ts';
import { RedisConnection } from '../../src/redis/connection.ts';
import { ManualClock } from '../redis/manual-clock.ts';
import { quiet, RedisServer, recovery } from '../redis/redis-server.ts';

const TIMEOUT = 50;
const WINDOW = 300_000;

let server: RedisServer;
let clock: ManualClock;
let a: ReturnType<typeof replica>;
let b: ReturnType<typeof replica>;

before(async () => {
  server = await RedisServer.start();
});
after(() => server.kill());
beforeEach(async () => {
  clock = new ManualClock();
  a = replica();
  b = replica();
  await a.redis.command(['FLUSHALL']);
  await b.redis.command(['PING']);
});
afterEach(async () => {
  for (const { memory, redis } of [a, b]) {
    memory.close();
    await redis.close();
  }
});

function replica(maxUntold = 10) {
  const timing = { operationTimeoutMs: TIMEOUT, connectTimeoutMs: 1000, maxPending: 100, clock };
  const redis = new RedisConnection({ url: server.url, ca: undefined, ...timing });
  const memory = new RedisReplayMemory({ redis, maxUntold, now: () => clock.wallNow() });
  const claim = (key: string, tenant = 'team'): Promise<boolean> => memory.claim(tenant, key, clock.wallNow() + WINDOW);
  return { redis, memory, claim };
}

function changed({ redis }: { readonly redis: RedisConnection }): Promise<unknown> {
  return new Promise((resolve) => {
    const stop = redis.onChange((state) => {
      stop();
      resolve(state);
    });
  });
}

async function lose(): Promise<void> {
  const known = [changed(a), changed(b)];
  await server.kill();
  await Promise.all(known);
}

async function find(): Promise<void> {
  await server.restart();
  await Promise.all([recovery(a.redis, clock), recovery(b.redis, clock)]);
  await Promise.all([quiet(a.redis), quiet(b.redis)]);
}

describe('a signature shared by two replicas', () => {
  it('is accepted by one of them, however many claim it at once', async () => {
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? a : b).claim('\u00ff\u0000')),
    );
    assert.equal(claims.filter(Boolean).length, 1);
  });

  it('is one of its tenant, and no other signature', async () => {
    assert.deepEqual(
      [await a.claim('x', 'a:b'), await b.claim('x', 'a'), await b.claim('y', 'a:b')],
      [true, true, true],
    );
    assert.equal(await b.claim('x', 'a:b'), false);
  });

  it('is kept for as long as it could be accepted', async () => {
    await a.claim('x');
    const [key] = (await a.redis.command(['KEYS', '*'])) as string[];
    const left = await a.redis.command(['PTTL', String(key)]);
    assert.ok(
      typeof left === 'number' && left > WINDOW - 60_000 && left <= WINDOW + 1,
      `it is kept ${String(left)} ms`,
    );
  });

  it('is accepted while Redis is lost, and known to all when it is back', async () => {
    await lose();
    assert.equal(await a.claim('x'), true);
    await find();
    assert.equal(await b.claim('x'), false);
    assert.equal(await b.claim('y'), true);
  });

  it('is remembered while Redis is lost as far as there is room, and then the latest', async () => {
    await lose();
    for (let index = 0; index < 12; index++) await a.claim(`key-${index}`);
    await find();
    assert.equal(await a.redis.command(['DBSIZE']), 10);
    assert.equal(await b.claim('key-11'), false);
  });
});
