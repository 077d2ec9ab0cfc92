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

test('durations are numbers with units, as Go and Prometheus write them, or 0', () => {
  const spellings = {
    '0': 0,
    '0s': 0,
    '100ms': 100,
    '30s': 30_000,
    '1.5s': 1500,
    '0.07s': 70,
    '10m': 600_000,
    '1m30s': 90_000,
    '1h': 3_600_000,
    '1h30m': 5_400_000,
    '1d2h3m4s5ms': 93_784_005,
    '500us': 1,
    '2000us': 2,
    '0.5ms': 1,
    '1.0001s': 1001,
  };
  for (const [text, milliseconds] of Object.entries(spellings)) assert.equal(parseDuration(text), milliseconds, text);
  for (const text of ['', '5', '1m30', 's', '1 s', '1m 30s', '-1s', '1S', '1e3s', '.5s', '1w', 'off', '∞s'])
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

test('sizes have binary units or decimal ones, with the B or as Kubernetes writes them', () => {
  const spellings = {
    '0': 0,
    '1024': 1024,
    '512B': 512,
    '2KiB': 2048,
    '512Mi': 536_870_912,
    '32MiB': 33_554_432,
    '1Gi': 1_073_741_824,
    '1.5GiB': 1_610_612_736,
    '1TiB': 1_099_511_627_776,
    '512kB': 512_000,
    '512KB': 512_000,
    '512k': 512_000,
    '10MB': 10_000_000,
    '1G': 1_000_000_000,
    '0.0001k': 1,
  };
  for (const [text, bytes] of Object.entries(spellings)) assert.equal(parseSize(text), bytes, text);
  for (const text of ['', '1.5', '-1', '1 KiB', '1kib', '1ki', '1m', '10mb', '1iB', '1i', 'MiB', '1PiB', '1e6'])
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
