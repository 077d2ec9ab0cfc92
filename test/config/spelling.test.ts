import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { collide, formatAddress, isLoopback, parseAddress } from '../../src/config/address.ts';
import { DURATION_PATTERN, formatDuration, MAX_DURATION_MS, parseDuration } from '../../src/config/duration.ts';
import { formatSize, parseSize, SIZE_PATTERN } from '../../src/config/size.ts';

test('every duration is read back from what is written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (milliseconds) => {
      const text = formatDuration(milliseconds);
      assert.match(text, DURATION_PATTERN);
      assert.equal(parseDuration(text), milliseconds);
    }),
  );
});

test('every duration of the pattern is a whole number of milliseconds', () => {
  fc.assert(fc.property(fc.stringMatching(DURATION_PATTERN), (text) => Number.isInteger(parseDuration(text))));
});

test('durations have one unit and the shortest spelling', () => {
  const spellings = { '100ms': 100, '30s': 30_000, '1.5s': 1500, '10m': 600_000, '1h': 3_600_000, '1d': 86_400_000 };
  for (const [text, milliseconds] of Object.entries(spellings)) assert.equal(parseDuration(text), milliseconds, text);
  for (const text of ['', '5', 's', '1 s', '-1s', '1h30m', '0.5ms', '1.0001s', '1S', '1e3s', 'off', '∞s'])
    assert.equal(parseDuration(text), undefined, text);
  assert.deepEqual([0, 1500, 60_000, 90_000].map(formatDuration), ['0ms', '1500ms', '1m', '90s']);
});

test('every size is read back from what is written', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.nat(),
        fc.nat(1000).map((mebibytes) => mebibytes * 2 ** 20),
      ),
      (bytes) => {
        const text = formatSize(bytes);
        assert.match(text, SIZE_PATTERN);
        assert.equal(parseSize(text), bytes);
      },
    ),
  );
});

test('sizes have binary units, because MB means two things', () => {
  assert.deepEqual(['0', '1024', '2KiB', '32MiB', '1GiB'].map(parseSize), [0, 1024, 2048, 33_554_432, 1_073_741_824]);
  for (const text of ['', '32MB', '1.5MiB', '-1', '1 KiB', '1kib', 'MiB'])
    assert.equal(parseSize(text), undefined, text);
});

test('addresses are read back from what is written', () => {
  for (const text of ['127.0.0.1:50051', 'localhost:0', '[::1]:9464', '[::]:65535', 'relay.mesh.local:443'])
    assert.equal(formatAddress(parseAddress(text) ?? { host: 'none', port: 0 }), text);
});

test('what is no address is refused', () => {
  for (const text of [
    '',
    ':50051',
    '50051',
    'localhost',
    '::1:80',
    '[::1]',
    '[1.2.3.4]:80',
    '1.2.3:80',
    'a b:80',
    'h:65536',
    '300.0.0.1:1',
    'h:-1',
    'http://h:80',
    '-h:80',
  ])
    assert.equal(parseAddress(text), undefined, text);
});

test('loopback is what only this machine can reach', () => {
  const isLocal = (host: string) => isLoopback({ host, port: 0 });
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST'])
    assert.equal(isLocal(host), true, host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'localhost.example', '128.0.0.1'])
    assert.equal(isLocal(host), false, host);
});

test('listeners collide on one port of one host or of all hosts, and never on port 0', () => {
  const at = (host: string, port: number) => ({ host, port });
  assert.equal(collide(at('127.0.0.1', 1), at('127.0.0.1', 1)), true);
  assert.equal(collide(at('0.0.0.0', 1), at('127.0.0.1', 1)), true);
  assert.equal(collide(at('10.0.0.1', 1), at('127.0.0.1', 1)), false);
  assert.equal(collide(at('127.0.0.1', 1), at('127.0.0.1', 2)), false);
  assert.equal(collide(at('127.0.0.1', 0), at('127.0.0.1', 0)), false);
});
