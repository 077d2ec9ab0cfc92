import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Alarm, type Ring } from '../../src/endpoints/alarm.ts';
import type { Clock } from '../../src/endpoints/clock.ts';

/** A clock that only the test moves, with one timer: an alarm never sets a second. */
class OneTimer implements Clock {
  timer: { readonly time: number; readonly run: () => void } | undefined;
  #now = 0;

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now;
  }

  random(): number {
    return 0;
  }

  after(milliseconds: number, run: () => void): () => void {
    assert.equal(this.timer, undefined, 'one timer at a time');
    const timer = { time: this.#now + milliseconds, run };
    this.timer = timer;
    return () => {
      if (this.timer === timer) this.timer = undefined;
    };
  }

  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let { timer } = this; timer !== undefined && timer.time <= end; { timer } = this) {
      this.#now = timer.time;
      this.timer = undefined;
      timer.run();
    }
    this.#now = end;
  }
}

const step = fc.record({ kind: fc.constantFrom('set', 'cancel', 'advance'), by: fc.nat(50) });

test('rings once each, in order, in time, and not for what was called off; its timer is set only while somebody waits', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new OneTimer();
      const alarm = new Alarm(clock);
      const waiting = new Set<Ring>();
      const rings: Ring[] = [];
      let rang = 0;
      for (const { kind, by } of steps) {
        if (kind === 'set') {
          const ring = alarm.at(clock.now() + by, () => {
            assert.ok(waiting.delete(ring), 'once, and only while it waits');
            assert.equal(clock.now(), ring.time);
            assert.ok(ring.time >= rang);
            rang = ring.time;
          });
          waiting.add(ring);
          rings.push(ring);
        } else if (kind === 'cancel') {
          const ring = rings[by % Math.max(rings.length, 1)];
          if (ring === undefined) continue;
          waiting.delete(ring);
          alarm.cancel(ring);
        } else {
          clock.advance(by);
          for (const { time } of waiting) assert.ok(time > clock.now(), 'nobody is forgotten');
        }
        assert.equal(clock.timer !== undefined, waiting.size > 0);
      }
      alarm.close();
      assert.equal(clock.timer, undefined);
    }),
  );
});
