/** Two relays that share cached answers in a real Redis, which comes and goes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeStored } from '../../src/cache/envelope.ts';
import { systemClock } from '../../src/endpoints/clock.ts';
import { RedisConnection } from '../../src/redis/connection.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { RedisServer } from '../redis/redis-server.ts';
import { jsonOf } from './core-json.ts';
import type { Fields } from './core-relay.ts';
import { ask, askedOf, type CachedRelay, idOf, infoOf, startCached, startUpstream } from './reuse-relay.ts';

const PREFIX = 'claude-relay:cache:v1:';

let server: RedisServer;
let redis: RedisConnection;
let upstream: Simulator;
let one: CachedRelay;
let other: CachedRelay;
let prompts = 0;

before(async () => {
  server = await RedisServer.start();
  redis = new RedisConnection({
    url: server.url,
    ca: undefined,
    operationTimeoutMs: 2_000,
    connectTimeoutMs: 2_000,
    maxPending: 100,
    clock: systemClock,
  });
  upstream = await startUpstream({ outputTokens: { from: 60, to: 60 } });
  const settings = {
    redis: { url: server.url.reveal() },
    upstream: { retry: { max_attempts: 1 } },
    // Each replica would renew what it is asked for again and again while a test waits.
    cache: { refresh_ahead: 1 },
  };
  one = await startCached(settings, upstream);
  other = await startCached(settings, upstream);
});
after(async () => {
  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await redis.close();
  await upstream.close();
  await server.kill();
});

function newRequest(cache?: object): Fields {
  return ask(`What is the ${++prompts}th prime number?`, cache);
}

async function complete(relay: CachedRelay, request: Fields): Promise<Fields> {
  const { answer, error } = await relay.client.ask('Complete', request);
  assert.equal(error, undefined, error?.message);
  assert.ok(answer);
  return answer;
}

function statusOf(answer: Fields): string | undefined {
  return infoOf(answer).cache_status;
}

async function keysOf(): Promise<string[]> {
  const keys = await redis.command(['KEYS', `${PREFIX}*`]);
  return Array.isArray(keys) ? keys.map(String) : [];
}

/** Asks a relay, and waits until Redis has the answer: the key that it lies under. */
async function shared(request: Fields, relay = one): Promise<{ readonly answer: Fields; readonly key: string }> {
  const earlier = await keysOf();
  const answer = await complete(relay, request);
  for (;;) {
    const key = (await keysOf()).find((each) => !earlier.includes(each));
    if (key !== undefined) return { answer, key };
  }
}

/** Makes calls until a relay shares again what it has been told. */
async function recovered(): Promise<void> {
  for (;;) {
    const request = newRequest();
    await complete(one, request);
    if (statusOf(await complete(other, request)) === 'CACHE_STATUS_HIT') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('replicas that share a Redis', () => {
  it('answer with what another one has kept, its age and what it saved included', async () => {
    const request = newRequest();
    const { answer } = await shared(request);
    const cost = infoOf(answer).cost_usd ?? 0;
    const saved = await other.metric('claude_relay_saved_usd_total');
    const found = await complete(other, request);
    assert.deepEqual([statusOf(found), idOf(found)], ['CACHE_STATUS_HIT', idOf(answer)]);
    assert.ok(infoOf(found).cache_age !== undefined);
    assert.ok(Math.abs((await other.metric('claude_relay_saved_usd_total')) - saved - cost) < 1e-12);
    assert.ok((await other.metric('claude_relay_cache_shared_hits_total')) > 0);
    const { events } = await other.client.readStream(request);
    assert.equal(infoOf(events[0]).cache_status, 'CACHE_STATUS_HIT');
  });

  it('let answers live in Redis no longer than they may', async () => {
    const { key } = await shared(newRequest({ ttl: { seconds: 7 } }));
    const left = Number(await redis.command(['PTTL', key]));
    assert.ok(left > 0 && left <= 7_000, `${left} ms`);
  });

  it('keep answers there compressed, under keys that tell nothing', async () => {
    const { answer, key } = await shared(newRequest());
    assert.match(key, /^claude-relay:cache:v1:[0-9a-f]{64}$/);
    const bytes = await redis.bytes(['GETRANGE', key, '0', '-1']);
    const size = Buffer.byteLength(jsonOf('Message', answer['message'] as Fields));
    assert.ok(bytes.length < size, `${bytes.length} bytes of ${size}`);
  });

  it('take a refreshed answer over from each other once their own is gone', async () => {
    const request = newRequest({ ttl: { nanos: 400_000_000 } });
    const { answer: first, key } = await shared(request, other);
    const refreshed = await complete(one, { ...request, relay: { cache: { mode: 'CACHE_MODE_REFRESH' } } });
    while (Number(await redis.command(['PTTL', key])) < 1_000);
    let found = await complete(other, request);
    while (idOf(found) === idOf(first)) found = await complete(other, request);
    assert.equal(idOf(found), idOf(refreshed));
  });

  it('miss where Redis holds what is no answer', async () => {
    const stored = (body: string) => encodeStored({ body, storedAtMs: Date.now(), ttlMs: 60_000 }, 2 ** 20);
    const junk = [
      '',
      'junk',
      Buffer.alloc(64),
      stored('no JSON'),
      stored('[]'),
      stored('"text"'),
      stored('{}'),
      stored('{"type":"message"}'),
      stored('{"type":"error","content":[]}'),
    ];
    for (const bytes of junk) {
      const request = newRequest();
      const { answer, key } = await shared(request);
      assert.ok(bytes !== undefined);
      await redis.command(['SET', key, bytes]);
      const found = await complete(other, request);
      assert.equal(statusOf(found), 'CACHE_STATUS_MISS');
      assert.notEqual(idOf(found), idOf(answer));
    }
  });

  it('lose hits and no call when Redis hangs, and share again when it goes on', async () => {
    const request = newRequest();
    const { answer } = await shared(request);
    server.pause();
    try {
      const before = askedOf(upstream);
      const found = await Promise.all(Array.from({ length: 20 }, () => complete(other, request)));
      assert.ok(found.every((each) => idOf(each) !== idOf(answer)));
      assert.equal(askedOf(upstream) - before, 1, 'one flight, and its answer in this process');
      const missed = newRequest();
      assert.equal(statusOf(await complete(one, missed)), 'CACHE_STATUS_MISS');
      assert.equal(statusOf(await complete(one, missed)), 'CACHE_STATUS_HIT');
      assert.ok((await other.metric('claude_relay_cache_shared_failures_total')) > 0);
    } finally {
      server.resume();
    }
    await recovered();
  });

  it('lose hits and no call when Redis dies, and share again when it is back', async () => {
    const requests = Array.from({ length: 100 }, () => newRequest());
    const underWay = requests.slice(0, 80).map((request) => complete(one, request));
    await Promise.any(underWay);
    await server.kill();
    const later = requests.slice(80).map((request) => complete(one, request));
    for (const answer of await Promise.all([...underWay, ...later])) {
      assert.equal(statusOf(answer), 'CACHE_STATUS_MISS');
    }
    assert.equal(await one.metric('claude_relay_redis_degraded'), 1);
    for (const request of requests) assert.equal(statusOf(await complete(one, request)), 'CACHE_STATUS_HIT');
    await server.restart();
    await recovered();
    assert.equal(await one.metric('claude_relay_redis_degraded'), 0);
  });
});
