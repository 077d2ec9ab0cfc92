import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Authenticator } from '../../src/access/authenticator.ts';
import { TenantDirectory } from '../../src/access/directory.ts';
import { RedisReplayMemory } from '../../src/access/redis-replay-memory.ts';
import { RelayError } from '../../src/completion/errors.ts';
import { Secret } from '../../src/completion/secret.ts';
import { systemClock } from '../../src/endpoints/clock.ts';
import { RedisConnection } from '../../src/redis/connection.ts';
import { RedisServer } from '../redis/redis-server.ts';

const BODY = Buffer.from('request');
const TENANT = { name: 'search', weight: 1, models: ['*'], rpcs: ['*'], regions: ['*'], limits: {} };

function signed(timestamp: string) {
  const signature = createHmac('sha256', 'shared').update(`${timestamp}:`).update(BODY).digest('hex');
  const metadata = new Map([
    ['x-relay-tenant', 'search'],
    ['x-relay-timestamp', timestamp],
    ['x-relay-signature', signature],
  ]);
  return { metadata: (key: string) => metadata.get(key), certificate: () => undefined, body: BODY };
}

describe('replicas', () => {
  let server: RedisServer;
  const open: (() => unknown)[] = [];

  before(async () => {
    server = await RedisServer.start();
  });
  after(async () => {
    for (const close of open) await close();
    await server.kill();
  });

  function replica(): (timestamp: string) => Promise<string> {
    const redis = new RedisConnection({
      url: server.url,
      ca: undefined,
      operationTimeoutMs: 1_000,
      connectTimeoutMs: 2_000,
      maxPending: 100,
      clock: systemClock,
    });
    const replays = new RedisReplayMemory({ redis, maxUntold: 100, now: Date.now });
    const directory = new TenantDirectory([{ tenant: TENANT, tokenSha256: [], hmacSecret: new Secret('shared') }]);
    const authenticator = new Authenticator({ directory, now: Date.now, signaturesPerTenant: 100 });
    open.push(
      () => replays.close(),
      () => redis.close(),
    );
    return async (timestamp) => {
      const claim = (tenant: string, key: string, expires: number) => replays.claim(tenant, key, expires);
      return (await authenticator.authenticateAmongReplicas(signed(timestamp), claim)).name;
    };
  }

  it('accept a signature once among them', async () => {
    const [first, second] = [replica(), replica()];
    const timestamp = new Date().toISOString();
    assert.equal(await first(timestamp), 'search');
    await assert.rejects(
      second(timestamp),
      (thrown) => thrown instanceof RelayError && thrown.reason === 'SIGNATURE_REPLAYED',
    );
  });
});
