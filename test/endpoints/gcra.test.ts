import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GcraBank } from '../../src/endpoints/gcra.ts';

function bucketOf(limit: number, burst: number): GcraBank {
  const bank = new GcraBank(1);
  bank.setLimit(0, limit, burst, 0);
  return bank;
}

test('without a limit everything passes', () => {
  const bank = new GcraBank(2);
  bank.take(1, 1e9, 0);
  assert.equal(bank.waitFor(1, 1e9, 0), 0);
});

test('an even flow at the limit passes and one more does not', () => {
  const bucket = bucketOf(60, 1);
  for (let second = 0; second < 120; second++) {
    assert.equal(bucket.waitFor(0, 1, second * 1000), 0);
    bucket.take(0, 1, second * 1000);
    assert.equal(bucket.waitFor(0, 1, second * 1000), 1000);
  }
});

test('after a pause one burst passes at once, and no more', () => {
  const bucket = bucketOf(60, 5);
  for (let call = 0; call < 5; call++) {
    assert.equal(bucket.waitFor(0, 1, 0), 0);
    bucket.take(0, 1, 0);
  }
  assert.equal(bucket.waitFor(0, 1, 0), 1000);
  assert.equal(bucket.available(0, 0), 0);
});

test('a call larger than the burst passes when the bucket is full and is paid for in full', () => {
  const bucket = bucketOf(60, 5);
  bucket.take(0, 1, 0);
  assert.equal(bucket.waitFor(0, 20, 0), 1000);
  assert.equal(bucket.waitFor(0, 20, 1000), 0);
  bucket.take(0, 20, 1000);
  assert.equal(bucket.waitFor(0, 1, 1000), 16_000);
});

test('what was taken and not used can be taken again', () => {
  const bucket = bucketOf(60, 5);
  bucket.take(0, 5, 0);
  bucket.giveBack(0, 3);
  assert.equal(bucket.available(0, 0), 3);
});

test("the upstream's word lowers what is left and never raises it", () => {
  const bucket = bucketOf(60, 10);
  bucket.lowerTo(0, 2, 0);
  assert.equal(bucket.available(0, 0), 2);
  bucket.lowerTo(0, 8, 0);
  assert.equal(bucket.available(0, 0), 2);
});

test('a changed limit keeps what was let through', () => {
  const bucket = bucketOf(60, 10);
  bucket.take(0, 8, 0);
  bucket.setLimit(0, 120, 10, 0);
  assert.equal(bucket.available(0, 0), 2);
  assert.equal(bucket.available(0, 1000), 4);
});

test('no sliding minute sees more than the limit plus one burst', () => {
  const step = fc.record({ pause: fc.integer({ min: 0, max: 20_000 }), units: fc.integer({ min: 1, max: 40 }) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 40, max: 100 }),
      fc.array(step, { maxLength: 200 }),
      (limit, burst, steps) => {
        const bucket = bucketOf(limit, burst);
        const passed: { at: number; units: number }[] = [];
        let now = 0;
        for (const { pause, units } of steps) {
          now += pause;
          if (bucket.waitFor(0, units, now) > 0) continue;
          bucket.take(0, units, now);
          passed.push({ at: now, units });
        }
        for (const { at: from } of passed) {
          const window = passed.filter(({ at }) => at >= from && at < from + 60_000);
          const sum = window.reduce((total, { units }) => total + units, 0);
          assert.ok(sum <= limit + burst + 1e-6, `${sum} in a minute from ${from}`);
        }
      },
    ),
  );
});

test('a call that waits as long as it is told passes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (limit, calls) => {
        const bucket = bucketOf(limit, 10);
        let now = 1e6;
        for (const units of calls) {
          now += bucket.waitFor(0, units, now);
          assert.equal(bucket.waitFor(0, units, now), 0);
          bucket.take(0, units, now);
        }
      },
    ),
  );
});
