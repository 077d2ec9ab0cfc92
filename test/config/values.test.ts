import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/load.ts';
import { workspace } from './workspace.ts';

/** Spellings and values that people write, with what becomes of them. */
const ACCEPTED: readonly [yaml: string, read: (config: Config) => unknown, value: number | string][] = [
  ['stream: { flush_interval: 0 }', ({ stream }) => stream.flushIntervalMs, 0],
  ['stream: { flush_interval: "0" }', ({ stream }) => stream.flushIntervalMs, 0],
  ['stream: { flush_interval: 500us }', ({ stream }) => stream.flushIntervalMs, 1],
  ['queue: { max_wait: 0 }', ({ queue }) => queue.maxWaitMs, 0],
  ['queue: { max_wait: "${WAIT}" }', ({ queue }) => queue.maxWaitMs, 90_000],
  ['server: { drain_timeout: 0 }', ({ server }) => server.drainTimeoutMs, 0],
  ['server: { max_connection_age_grace: 0 }', ({ server }) => server.maxConnectionAgeGraceMs, 0],
  ['server: { max_connection_age: 1h30m }', ({ server }) => server.maxConnectionAgeMs, 5_400_000],
  ['server: { max_request_bytes: 1 }', ({ server }) => server.maxRequestBytes, 1],
  ['server: { max_response_bytes: 10MB }', ({ server }) => server.maxResponseBytes, 10_000_000],
  ['upstream: { retry: { min_delay: 0 } }', ({ upstream }) => upstream.retry.minDelayMs, 0],
  ['upstream: { timeout: 1m30s }', ({ upstream }) => upstream.timeoutMs, 90_000],
  ['upstream: { pool: { idle_timeout: 50ms } }', ({ upstream }) => upstream.pool.idleTimeoutMs, 50],
  ['upstream: { stream_idle_timeout: 20ms }', ({ upstream }) => upstream.streamIdleTimeoutMs, 20],
  ['routing: { hedge_after: 1m30s }', ({ routing }) => routing.hedgeAfterMs, 90_000],
  ['cache: { ttl: 1ms }', ({ cache }) => cache.ttlMs, 1],
  ['cache: { max_bytes: 1Gi }', ({ cache }) => cache.maxBytes, 1_073_741_824],
  ['cache: { max_bytes: 4096 }', ({ cache }) => cache.maxBytes, 4096],
  ['cache: { counters: 1 }', ({ cache }) => cache.counters, 1],
  ['cache: { min_similarity: 0 }', ({ cache }) => cache.minSimilarity, 0],
  ['tenants: [{ name: t, hmac_secret: s, cache: { ttl: 5ms } }]', ({ tenants }) => tenants[0]?.cache.ttlMs, 5],
  ['log: { level: WARNING }', ({ log }) => log.level, 'warn'],
  ['log: { level: Info }', ({ log }) => log.level, 'info'],
];

for (const [yaml, read, value] of ACCEPTED) {
  test(`${yaml} is taken as ${value}`, (context) => {
    assert.equal(read(workspace(context).load(yaml, { WAIT: '1m30s' })), value);
  });
}

test('a level from a variable may be in capitals too', (context) => {
  assert.equal(workspace(context).load('', { RELAY_LOG_LEVEL: 'DEBUG' }).log.level, 'debug');
});
