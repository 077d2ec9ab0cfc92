import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Secret } from '../../src/completion/secret.ts';
import { openSharedState } from '../../src/main/shared-state.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { freePort, RedisServer } from '../redis/redis-server.ts';

const TLS = fileURLToPath(new URL('../server/tls/', import.meta.url));

test('Redis is trusted by the authority that the settings name', { timeout: 30_000 }, async () => {
  const port = await freePort();
  const tls = ['--tls-cert-file', `${TLS}server.pem`, '--tls-key-file', `${TLS}server.key`, '--tls-auth-clients', 'no'];
  const server = await RedisServer.start('--tls-port', String(port), ...tls);
  const redis = { url: new Secret(`rediss://localhost:${port}`), caFile: `${TLS}ca.pem` };
  const shared = await openSharedState(redis, createLog({ level: 'silent' }));
  try {
    let answer: unknown;
    // On a busy machine a handshake may outlast what the relay gives an operation.
    while (answer === undefined) answer = await shared.redis?.command(['PING']).catch(() => wait(5));
    assert.equal(answer, 'PONG');
  } finally {
    await shared.close();
    await server.kill();
  }
});

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
