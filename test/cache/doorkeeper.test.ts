import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Doorkeeper } from '../../src/cache/doorkeeper.ts';
import { wordsOf } from './hashes.ts';

function add(doorkeeper: Doorkeeper, key: number): boolean {
  const [, , h2, h3] = wordsOf(key);
  return doorkeeper.add(h2, h3);
}

function has(doorkeeper: Doorkeeper, key: number): boolean {
  const [, , h2, h3] = wordsOf(key);
  return doorkeeper.has(h2, h3);
}

test('a doorkeeper knows every key that was added, and says at the second time that it did', () => {
  const doorkeeper = new Doorkeeper(4096);
  for (let key = 0; key < 200; key += 1) {
    add(doorkeeper, key);
    assert.equal(has(doorkeeper, key), true);
    assert.equal(add(doorkeeper, key), true);
  }
});

test('a doorkeeper with three bits for each key takes at most three strangers in ten for known', () => {
  const doorkeeper = new Doorkeeper(65_536);
  const keys = Math.floor(doorkeeper.bits / 3.2);
  for (let key = 0; key < keys; key += 1) add(doorkeeper, key);
  const strangers = Array.from({ length: 10_000 }, (_, i) => keys + i).filter((key) => has(doorkeeper, key));
  assert.ok(strangers.length < 3000, `${strangers.length} of 10000`);
});

test('a reset forgets every key in effect at once, before a single slice of it is done', () => {
  const doorkeeper = new Doorkeeper(8192);
  for (let key = 0; key < 500; key += 1) add(doorkeeper, key);
  doorkeeper.reset();
  for (let key = 0; key < 500; key += 1) assert.equal(has(doorkeeper, key), false);
});

test('a reset in slices leaves the same keys known as a reset at once', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 40 })), { maxLength: 500 }), (steps) => {
      const sliced = new Doorkeeper(8192);
      const atOnce = new Doorkeeper(8192);
      for (const [key, chance] of steps) {
        if (chance === 0) {
          sliced.reset();
          atOnce.reset();
          atOnce.advance(atOnce.blocks);
        }
        if (chance < 5) sliced.advance(chance);
        assert.equal(add(sliced, key), add(atOnce, key));
      }
      for (let key = 0; key <= 300; key += 1) assert.equal(has(sliced, key), has(atOnce, key));
    }),
  );
});
