import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Secret } from '../../src/completion/secret.ts';
import { openSharedState } from '../../src/main/shared-state.ts';
import { createLog } from '../../src/telemetry/log.ts';
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
