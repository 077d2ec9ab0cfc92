import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/completion/secret.ts';
import { openSharedState } from '../../src/main/shared-state.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { freePort, RedisServer } from '../redis/redis-server.ts';

/** Metrics, and what they show of Redis: undefined where they show nothing. */
function watched() {
  const metrics = createMetrics({ tenant: () => true, model: () => true, account: () => true, region: () => true });
  const degraded = async () => /^claude_relay_redis_degraded (\d)/m.exec((await metrics.render('')).text)?.[1];
  return { metrics, degraded, log: createLog({ level: 'silent' }) };
}

test('the metrics show while Redis is lost', async () => {
  const server = await RedisServer.start();
  const { metrics, degraded, log } = watched();
  const shared = await openSharedState({ url: server.url, caFile: undefined }, log);
  try {
    shared.watch(metrics);
    assert.equal(await degraded(), '0');
    const lost = new Promise((resolve) => shared.redis?.onChange(resolve));
    await server.kill();
    await lost;
    assert.equal(await degraded(), '1');
    const found = new Promise((resolve) => shared.redis?.onChange(resolve));
    await server.restart();
    await found;
    assert.equal(await degraded(), '0');
  } finally {
    await shared.close();
    await server.kill();
  }
});

test('the metrics show that Redis is lost where it was never there', async () => {
  const { metrics, degraded, log } = watched();
  const url = new Secret(`redis://127.0.0.1:${await freePort()}`);
  const shared = await openSharedState({ url, caFile: undefined }, log);
  shared.watch(metrics);
  assert.equal(await degraded(), '1');
  await shared.close();
});

test('the metrics show nothing of Redis where none is configured', async () => {
  const { metrics, degraded, log } = watched();
  const shared = await openSharedState(undefined, log);
  shared.watch(metrics);
  assert.equal(await degraded(), undefined);
  await shared.close();
});
