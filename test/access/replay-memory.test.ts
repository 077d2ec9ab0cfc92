import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ReplayMemory } from '../../src/access/replay-memory.ts';

const WINDOW = 5 * 60_000;

describe('the replay memory', () => {
  it('knows a key until it expires, to the millisecond', () => {
    const memory = new ReplayMemory(10);
    assert.equal(memory.remember('a', 600_000, 300_000), 'fresh');
    assert.equal(memory.remember('a', 600_000, 300_000), 'seen');
    assert.equal(memory.remember('a', 600_000, 600_000), 'seen');
  });

  it('is fresh for another key, and for the same key of another time', () => {
    const memory = new ReplayMemory(10);
    assert.equal(memory.remember('a', 600_000, 300_000), 'fresh');
    assert.equal(memory.remember('b', 600_000, 300_000), 'fresh');
    assert.equal(memory.size, 2);
  });

  it('refuses when it is full instead of forgetting, and says how long', () => {
    const memory = new ReplayMemory(2);
    const now = 1_200_000;
    assert.equal(memory.remember('a', now + WINDOW, now), 'fresh');
    assert.equal(memory.remember('b', now + WINDOW, now), 'fresh');
    assert.equal(memory.remember('c', now + WINDOW, now), 'full');
    assert.equal(memory.remember('a', now + WINDOW, now), 'seen');
    const wait = memory.untilRoom(now);
    assert.equal(memory.remember('c', now + WINDOW + wait, now + wait - 1), 'full');
    assert.equal(memory.remember('c', now + WINDOW + wait, now + wait), 'fresh');
  });

  it('takes nothing for fresh that belongs before what it has forgotten, if the clock is set back', () => {
    const memory = new ReplayMemory(10);
    memory.remember('a', 300_000, 0);
    memory.remember('b', 1_200_000, 900_000);
    assert.equal(memory.remember('a', 300_000, 0), 'seen');
  });

  it('accepts each key once while it could be accepted, and never holds more than its capacity', () => {
    const steps = fc.array(
      fc.record({
        key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
        // When the key was signed, against the clock of the moment.
        skew: fc.integer({ min: -WINDOW, max: WINDOW }),
        passed: fc.integer({ min: -30_000, max: 200_000 }),
        again: fc.boolean(),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), (drawn, capacity) => {
        const memory = new ReplayMemory(capacity);
        const accepted = new Set<string>();
        const signedAt = new Map<string, number>();
        let now = Date.UTC(2026, 10, 20);
        for (const { key, skew, passed, again } of drawn) {
          now += passed;
          const time = (again ? signedAt.get(key) : undefined) ?? now + skew;
          signedAt.set(key, time);
          // The window check comes before the memory.
          if (Math.abs(now - time) > WINDOW) continue;
          const id = `${key}@${time}`;
          const outcome = memory.remember(id, time + WINDOW, now);
          assert.ok(!(outcome === 'fresh' && accepted.has(id)), `${id} was accepted twice`);
          if (outcome === 'fresh') accepted.add(id);
          assert.ok(memory.size <= capacity);
        }
      }),
    );
  });
});
