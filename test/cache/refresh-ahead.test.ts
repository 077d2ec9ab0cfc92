import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CachedAnswer, FoundAnswer } from '../../src/cache/answer-cache.ts';
import { MOST_SAVED, RefreshAhead, type RefreshOptions } from '../../src/cache/refresh-ahead.ts';

const TTL = 1_000;

function answer(): CachedAnswer {
  return { body: '{}', request: '', usage: {}, age: 0, memo: {} };
}

function ahead(parts: Partial<RefreshOptions> = {}): RefreshAhead {
  return new RefreshAhead({ after: 0.8, budgetRatio: 0.1, hasCapacity: () => true, random: () => 0, ...parts });
}

/** A hit late in the life of an answer that was read often. */
function due(parts: Partial<FoundAnswer> = {}): FoundAnswer {
  return { answer: answer(), age: 0.95 * TTL, ttl: TTL, hits: 3, ...parts };
}

describe('refresh-ahead', () => {
  it('renews an answer with three hits in this life that is read in the last fifth of it', () => {
    assert.equal(ahead().begin('key', due()), true);
    assert.equal(ahead().begin('key', due({ hits: 2 })), false);
    assert.equal(ahead().begin('key', due({ age: 0.79 * TTL })), false);
    assert.equal(ahead().begin('key', due({ age: 0.8 * TTL })), true);
  });

  it('renews nothing where it is told to wait for the end', () => {
    assert.equal(ahead({ after: 1 }).begin('key', due({ age: TTL })), false);
  });

  it('has one renewal of a key under way, and another after it', () => {
    const policy = ahead();
    assert.equal(policy.begin('key', due()), true);
    assert.equal(policy.begin('key', due()), false);
    assert.equal(policy.begin('other', due()), true);
    policy.done('key');
    assert.equal(policy.begin('key', due()), true);
  });

  it('renews nothing, and spends nothing, while the upstream has no capacity to spare', () => {
    let hasCapacity = false;
    const policy = ahead({ hasCapacity: () => hasCapacity, budgetRatio: 0 });
    for (let read = 0; read < 50; read++) assert.equal(policy.begin(`key ${read}`, due()), false);
    hasCapacity = true;
    for (let read = 0; read < MOST_SAVED; read++) assert.equal(policy.begin(`key ${read}`, due()), true);
  });

  it('looks for capacity a few times in a life, however often that is read', () => {
    let looks = 0;
    let hasCapacity = false;
    const policy = ahead({
      hasCapacity: () => {
        looks += 1;
        return hasCapacity;
      },
    });
    const life = answer();
    const read = (share: number): boolean => policy.begin('key', due({ answer: life, age: share * TTL }));
    for (let age = 0.8; age < 1; age += 0.0001) assert.equal(read(age), false);
    assert.ok(looks > 5 && looks <= 11, `${looks} looks`);
    hasCapacity = true;
    assert.equal(policy.begin('other', due()), true, 'another answer is looked at on its own');
  });

  it('renews as soon as there is capacity again', () => {
    let hasCapacity = false;
    const policy = ahead({ hasCapacity: () => hasCapacity });
    const life = answer();
    assert.equal(policy.begin('key', due({ answer: life, age: 0.8 * TTL })), false);
    hasCapacity = true;
    assert.equal(policy.begin('key', due({ answer: life, age: 0.825 * TTL })), true);
  });

  it('does not ask for capacity where nothing is due', () => {
    const policy = ahead({ hasCapacity: () => assert.fail('asked') });
    assert.equal(policy.begin('key', due({ age: 0 })), false);
  });

  it('spreads the renewals of answers that were made together, and draws once for each life', () => {
    const draws = [0, 0.5, 0.999];
    for (const [index, draw] of draws.entries()) {
      let drawn = 0;
      const policy = ahead({
        random: () => {
          drawn += 1;
          return draw;
        },
      });
      const life = answer();
      const begun = [0.8, 0.849, 0.851, 0.899, 0.9].map((share) => {
        const begins = policy.begin('key', due({ answer: life, age: share * TTL }));
        policy.done('key');
        return begins;
      });
      assert.equal(begun.indexOf(true), [0, 2, 4][index]);
      assert.equal(drawn, 1);
    }
  });

  it('gives an answer up after two renewals of it that came to nothing', () => {
    const policy = ahead();
    const life = answer();
    const begun = Array.from({ length: 20 }, () => {
      const begins = policy.begin('key', due({ answer: life }));
      policy.done('key');
      return begins;
    });
    assert.deepEqual(begun.filter(Boolean).length, 2);
    assert.equal(policy.begin('key', due()), true, 'a new answer has a new life');
  });

  const step = fc.oneof(
    { arbitrary: fc.record({ kind: fc.constant('read' as const), key: fc.nat(4) }), weight: 12 },
    { arbitrary: fc.record({ kind: fc.constant('done' as const), key: fc.nat(4), isKept: fc.boolean() }), weight: 3 },
    { arbitrary: fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.nat(TTL / 2) }), weight: 2 },
    { arbitrary: fc.record({ kind: fc.constant('capacity' as const), isThere: fc.boolean() }), weight: 1 },
  );

  it('never spends more than its budget or without capacity, and renews no answer again that nobody read since', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 400, size: 'max' }),
        fc.constantFrom(0, 0.1, 0.5),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (steps, budgetRatio, chance) => {
          let hasCapacity = true;
          const random = (): number => chance.next().value ?? 0;
          const policy = ahead({ budgetRatio, random, hasCapacity: () => hasCapacity });
          const lives = new Map<number, { answer: CachedAnswer; filledAt: number; hits: number }>();
          const underWay = new Set<number>();
          /** Renewals in a row that nobody read. */
          const unread = new Map<number, number>();
          let now = 0;
          let hits = 0;
          let renewals = 0;
          for (const each of steps) {
            if (each.kind === 'pass') now += each.milliseconds;
            if (each.kind === 'capacity') hasCapacity = each.isThere;
            if (each.kind === 'done' && underWay.delete(each.key)) {
              policy.done(String(each.key));
              if (each.isKept) lives.set(each.key, { answer: answer(), filledAt: now, hits: 0 });
            }
            if (each.kind !== 'read') continue;
            const known = lives.get(each.key);
            if (known === undefined || now - known.filledAt >= TTL) {
              lives.set(each.key, { answer: answer(), filledAt: now, hits: 0 });
              continue;
            }
            hits += 1;
            known.hits += 1;
            if (known.hits === 1) unread.set(each.key, 0);
            const age = now - known.filledAt;
            const found = { answer: known.answer, age, ttl: TTL, hits: known.hits };
            if (!policy.begin(String(each.key), found)) continue;
            assert.ok(hasCapacity);
            assert.ok(!underWay.has(each.key), 'one flight a key');
            assert.ok(known.hits >= 3 && age >= 0.8 * TTL);
            assert.ok((unread.get(each.key) ?? 0) < 2, 'given up after two');
            unread.set(each.key, (unread.get(each.key) ?? 0) + 1);
            underWay.add(each.key);
            renewals += 1;
            assert.ok(renewals <= MOST_SAVED + budgetRatio * hits + 1e-9, `${renewals} renewals for ${hits} hits`);
          }
        },
      ),
    );
  });
});
