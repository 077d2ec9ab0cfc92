import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { needRestart } from '../../src/main/need-restart.ts';
import { workspace } from '../config/workspace.ts';

const AUTHORITY = readFileSync(new URL('../server/tls/ca.pem', import.meta.url), 'utf8');
const OTHER_AUTHORITY = readFileSync(new URL('../server/tls/server.pem', import.meta.url), 'utf8');
const KEY = readFileSync(new URL('../server/tls/server.key', import.meta.url), 'utf8');

test('the authority of Redis needs a restart wherever it is now, and when its file holds another', (t) => {
  const { write, load } = workspace(t);
  const redis = (file: string) => load(`redis: { url: "rediss://localhost:6379", ca_file: ${file} }`);
  write('ca.pem', AUTHORITY);
  write('moved.pem', AUTHORITY);
  const running = redis('ca.pem');
  assert.deepEqual(needRestart(running, redis('ca.pem')), []);
  assert.deepEqual(needRestart(running, redis('moved.pem')), ['redis.ca_file']);
  assert.deepEqual(needRestart(running, load('redis: { url: "rediss://localhost:6379" }')), ['redis.ca_file']);
  assert.deepEqual(needRestart(running, load('')), ['redis']);

  write('ca.pem', OTHER_AUTHORITY);
  assert.deepEqual(needRestart(running, redis('ca.pem')), ['redis.ca_file']);
  write('ca.pem', AUTHORITY);
  assert.deepEqual(needRestart(running, redis('ca.pem')), []);
});

test('a renewed certificate of the server is taken over, and needs none', (t) => {
  const { write, load } = workspace(t);
  const settings = 'server: { tls: { cert_file: server.pem, key_file: server.key } }';
  write('server.key', KEY);
  write('server.pem', OTHER_AUTHORITY);
  const running = load(settings);
  write('server.pem', OTHER_AUTHORITY + AUTHORITY);
  assert.deepEqual(needRestart(running, load(settings)), []);
});

test('a secret that a file holds is compared by what it is, and the file may move', (t) => {
  const { write, load } = workspace(t);
  const redis = (file: string) => load(`redis: { url_file: ${file} }`);
  write('url', 'redis://:before@localhost:6379');
  write('moved', 'redis://:before@localhost:6379');
  const running = redis('url');
  assert.deepEqual(needRestart(running, redis('moved')), []);
  write('url', 'redis://:after@localhost:6379');
  assert.deepEqual(needRestart(running, redis('url')), ['redis.url']);
});

test('what calls get of the cache that do not choose is taken over; how it keeps answers needs a restart', (t) => {
  const { load } = workspace(t);
  const running = load('');
  assert.deepEqual(needRestart(running, load('cache: { mode: similar, ttl: 1s, min_similarity: 0.8 }')), []);
  const kept = 'digest: md5, scope: shared, max_bytes: 1Mi, counters: 1000, refresh_ahead: 1';
  assert.deepEqual([...needRestart(running, load(`cache: { mode: off, ttl: 1s, ${kept} }`))].sort(), [
    'cache.counters',
    'cache.digest',
    'cache.max_bytes',
    'cache.refresh_ahead',
    'cache.scope',
  ]);
});
