import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from '../../src/completion/retry-after.ts';

const now = Date.parse('2026-11-20T10:00:00Z');

const CASES: readonly [string, Record<string, string>, number | undefined][] = [
  ['whole seconds are taken', { 'retry-after': '13' }, 13_000],
  ['fractions of a second are taken', { 'retry-after': '0.5' }, 500],
  ['an HTTP date counts from now', { 'retry-after': 'Fri, 20 Nov 2026 10:00:30 GMT' }, 30_000],
  ['the obsolete RFC 850 date counts too', { 'retry-after': 'Friday, 20-Nov-26 10:00:30 GMT' }, 30_000],
  ['a date in the past asks for nothing', { 'retry-after': 'Fri, 20 Nov 2026 09:00:00 GMT' }, undefined],
  ['a negative number asks for nothing', { 'retry-after': '-5' }, undefined],
  ['words ask for nothing', { 'retry-after': 'soon' }, undefined],
  ['an empty value asks for nothing', { 'retry-after': '' }, undefined],
  ['absent headers ask for nothing', {}, undefined],
  ['milliseconds win over seconds', { 'retry-after-ms': '250', 'retry-after': '13' }, 250],
  ['zero milliseconds leave the word to seconds', { 'retry-after-ms': '0', 'retry-after': '13' }, 13_000],
  ['a wait beyond what a timer holds is ignored', { 'retry-after': '99999999' }, undefined],
];

for (const [name, headers, expected] of CASES) {
  test(name, () => assert.equal(retryAfterMs(headers, now), expected));
}
