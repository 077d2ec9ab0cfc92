import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { RedisConnection } from '../../src/redis/connection.ts';
import { ReplicaCensus } from '../../src/redis/replica-census.ts';
import { ManualClock } from './manual-clock.ts';
import { quiet, RedisServer } from './redis-server.ts';

const INTERVAL = 5000;

let server: RedisServer;
let clock: ManualClock;
let redis: RedisConnection;
const replicas: ReplicaCensus[] = [];

before(async () => {
  server = await RedisServer.start();
});
after(() => server.kill());
beforeEach(async () => {
  clock = new ManualClock();
  redis = new RedisConnection({
    url: server.url,
    ca: undefined,
    operationTimeoutMs: 50,
    connectTimeoutMs: 1000,
    maxPending: 100,
    clock,
  });
  await redis.command(['FLUSHALL']);
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.close()));
  await redis.close();
});

async function join(id: string, assumed = 1): Promise<ReplicaCensus> {
  const replica = new ReplicaCensus({ redis, id, intervalMs: INTERVAL, assumed, clock });
  replicas.push(replica);
  await replica.start();
  return replica;
}

/** Lets every replica give a sign of life. */
async function beat(): Promise<void> {
  clock.advance(INTERVAL);
  await quiet(redis);
}

describe('the census of replicas', () => {
  it('counts those that give signs of life', async () => {
    const first = await join('a');
    assert.equal(first.count, 1);
    const second = await join('b');
    await beat();
    assert.deepEqual([first.count, second.count], [2, 2]);
  });

  it('leaves out whoever said goodbye, once it has been gone for some beats', async () => {
    const first = await join('a');
    const second = await join('b');
    await beat();
    await second.close();
    assert.equal(await redis.command(['ZCARD', 'claude-relay:replicas:v1']), 1);
    for (let beats = 0; beats < 3; beats++) await beat();
    assert.equal(first.count, 1);
  });

  it('leaves out whoever was silent for three beats, by the time of Redis', async () => {
    await redis.command(['ZADD', 'claude-relay:replicas:v1', '1', 'dead']);
    assert.equal((await join('a')).count, 1);
    const key = ['claude-relay:replicas:v1', 'a'];
    const [seconds] = (await redis.command(['TIME'])) as string[];
    const lasts = Number(await redis.command(['ZSCORE', ...key])) - Number(seconds) * 1000;
    assert.ok(lasts > 2 * INTERVAL && lasts < 4 * INTERVAL, `it lasts ${lasts} ms`);
    assert.ok(Number(await redis.command(['PTTL', 'claude-relay:replicas:v1'])) > 0);
  });

  it('goes by what it has last seen while Redis is lost, and by what it was told before that', async () => {
    const first = await join('a');
    await join('b');
    await beat();
    const lost = new Promise((resolve) => redis.onChange(resolve));
    await server.kill();
    await lost;
    for (let beats = 0; beats < 10; beats++) await beat();
    assert.equal(first.count, 2);
    assert.equal((await join('c', 4)).count, 4);
    await server.restart();
  });

  it('does not believe that it is alone because Redis was restarted empty', async () => {
    const first = await join('a');
    await join('b');
    await beat();
    await redis.command(['FLUSHALL']);
    replicas.splice(1, 1);
    await first.start();
    assert.equal(first.count, 2);
  });
});
