import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { VectorError, VectorIndex } from '../../../src/cache/similar/vector-index.ts';

function vector(...values: number[]): Float32Array {
  return Float32Array.from(values);
}

describe('VectorIndex', () => {
  it('finds by direction, whatever the length, best first', () => {
    const index = new VectorIndex({ maxEntries: 10, dimensions: 2 });
    index.add('scope', 'east', vector(10, 0));
    index.add('scope', 'north-east', vector(1, 1));
    index.add('scope', 'north', vector(0, 3));
    const found = index.find('scope', vector(5, 0.1), 0.5);
    assert.deepEqual(
      found.map(({ id }) => id),
      ['east', 'north-east'],
    );
    assert.ok((found[0]?.score ?? 0) > 0.999);
  });

  it('never looks beyond the scope', () => {
    const index = new VectorIndex({ maxEntries: 10, dimensions: 2 });
    index.add('one', '1', vector(1, 0));
    assert.deepEqual(index.find('other', vector(1, 0), 0), []);
    assert.equal(index.has('one'), true);
    assert.equal(index.has('other'), false);
  });

  it('refuses vectors without a direction or of another length', () => {
    const index = new VectorIndex({ maxEntries: 10, dimensions: 2 });
    for (const wrong of [vector(0, 0), vector(Number.NaN, 1), vector(Infinity, 1), vector(1), vector(1, 2, 3)]) {
      assert.throws(() => index.add('scope', '1', wrong), VectorError);
      assert.throws(() => index.find('scope', wrong, 0), VectorError);
    }
    assert.equal(index.size, 0);
  });

  it('holds what a plain list would hold, through any additions and removals', () => {
    const step = fc.record({ id: fc.nat(8), axis: fc.nat(3), remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const index = new VectorIndex({ maxEntries: 4, dimensions: 4 });
        const held = new Map<string, number>();
        for (const { id, axis, remove } of steps) {
          const name = String(id);
          if (remove) {
            index.remove(name);
            held.delete(name);
          } else {
            const values = vector(0, 0, 0, 0);
            values[axis] = id + 1;
            index.add('scope', name, values);
            held.delete(name);
            const oldest = held.keys().next().value;
            if (held.size >= 4 && oldest !== undefined) held.delete(oldest);
            held.set(name, axis);
          }
          assert.equal(index.size, held.size);
          for (let along = 0; along < 4; along++) {
            const values = vector(0, 0, 0, 0);
            values[along] = 1;
            assert.deepEqual(
              index
                .find('scope', values, 0.9)
                .map((found) => found.id)
                .toSorted(),
              [...held]
                .filter(([, at]) => at === along)
                .map(([name]) => name)
                .toSorted(),
            );
          }
        }
      }),
    );
  });
});
