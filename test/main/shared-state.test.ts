import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openSharedState } from '../../src/main/shared-state.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { RedisServer } from '../redis/redis-server.ts';

function fresh() {
  const metrics = createMetrics({ tenant: () => true, model: () => true, account: () => true, region: () => true });
  const gauge = async () => /^claude_relay_redis_degraded (\d)/m.exec((await metrics.render('')).text)?.[1];
  return { metrics, gauge, log: createLog({ level: 'silent' }) };
}

describe('the state that replicas share', () => {
  it('shows while Redis is lost', async () => {
    const server = await RedisServer.start();
    const { metrics, gauge, log } = fresh();
    const shared = await openSharedState({ url: server.url }, log);
    try {
      shared.watch(metrics);
      assert.equal(await gauge(), '0');
      const lost = new Promise((resolve) => shared.redis?.onChange(resolve));
      await server.kill();
      await lost;
      assert.equal(await gauge(), '1');
      const found = new Promise((resolve) => shared.redis?.onChange(resolve));
      await server.restart();
      await found;
      assert.equal(await gauge(), '0');
    } finally {
      await shared.close();
      await server.kill();
    }
  });

  it('shows as lost from the start where Redis was never there', async () => {
    const server = await RedisServer.start();
    await server.kill();
    const { metrics, gauge, log } = fresh();
    const shared = await openSharedState({ url: server.url }, log);
    shared.watch(metrics);
    assert.equal(await gauge(), '1');
    await shared.close();
  });

  it('shows nothing of Redis where none is configured', async () => {
    const { metrics, gauge, log } = fresh();
    const shared = await openSharedState(undefined, log);
    shared.watch(metrics);
    assert.equal(await gauge(), undefined);
    await shared.close();
  });
});
