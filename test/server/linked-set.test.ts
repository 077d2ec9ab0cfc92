import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LinkedSet, type Member } from '../../src/server/linked-set.ts';

describe('a linked set', () => {
  it('holds what a Set of the same history would, in the same order', () => {
    const step = fc.oneof(fc.record({ add: fc.nat(99) }), fc.record({ drop: fc.nat() }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const linked = new LinkedSet<object>();
        const model = new Set<object>();
        const members: Member<object>[] = [];
        for (const each of steps) {
          if ('add' in each) {
            const value = { number: each.add };
            members.push(linked.add(value));
            model.add(value);
          } else {
            const member = members[each.drop % Math.max(1, members.length)];
            if (member !== undefined) assert.equal(linked.delete(member), model.delete(member.value));
          }
          assert.equal(linked.size, model.size);
          assert.deepEqual([...linked], [...model]);
          assert.equal(linked.oldest?.value, [...model][0]);
        }
      }),
    );
  });

  it('is walked while its members leave', () => {
    const linked = new LinkedSet<number>();
    const members = [1, 2, 3, 4].map((value) => linked.add(value));
    const seen: number[] = [];
    for (const value of linked) {
      seen.push(value);
      // The one at hand and the one after it.
      for (const leaving of members.slice(value - 1, value + 1)) linked.delete(leaving);
    }
    assert.deepEqual(seen, [1, 3]);
    assert.equal(linked.size, 0);
  });

  it('lets go of members that have left', () => {
    const linked = new LinkedSet<number>();
    const [first, second] = [linked.add(1), linked.add(2)];
    linked.delete(first);
    assert.deepEqual([first.previous, first.next], [undefined, undefined]);
    linked.delete(second);
    assert.equal(linked.oldest, undefined);
  });
});
