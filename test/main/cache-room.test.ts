import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheRoom } from '../../src/main/cache-room.ts';

const MIB = 2 ** 20;

test('the cache gets what it wants where the heap has room', () => {
  const warn = (message: string): void => assert.fail(message);
  assert.equal(cacheRoom(1_024 * MIB, warn, 1_120 * MIB), 1_024 * MIB);
  assert.equal(cacheRoom(MIB, warn, 100 * MIB), MIB);
  assert.ok(cacheRoom(MIB, warn) === MIB, 'by the heap of this process');
});

test('a heap that is too small bounds it, which is told with what to do', () => {
  const told: string[] = [];
  assert.equal(
    cacheRoom(1_024 * MIB, (message) => told.push(message), 556 * MIB),
    450 * MIB,
  );
  assert.equal(
    cacheRoom(64 * MIB, (message) => told.push(message), 100 * MIB),
    16 * MIB,
    'some is left in any case',
  );
  assert.match(
    told[0] ?? '',
    /^cache\.max_bytes is 1024 MiB, .* ends at 556 MiB: cached answers get 450 MiB\. .*NODE_OPTIONS/,
  );
  assert.equal(told.length, 2);
});
