import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Heap, type HeapNode } from '../../src/endpoints/heap.ts';
import { PrefixTree } from '../../src/endpoints/prefix-tree.ts';

test('a prefix tree finds by rank what a scan finds', () => {
  const weights = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(weights, fc.array(fc.tuple(fc.nat(49), fc.integer({ min: 0, max: 5 }))), (weights, changes) => {
      const tree = new PrefixTree(weights.length);
      for (const [index, weight] of weights.entries()) tree.setWeight(index, weight);
      for (const [index, weight] of changes) {
        if (index >= weights.length) continue;
        weights[index] = weight;
        tree.setWeight(index, weight);
      }
      const laidOut = weights.flatMap((weight, index) => Array.from({ length: weight }, (_, part) => [index, part]));
      assert.equal(tree.total, laidOut.length);
      for (const [rank, [index, part]] of laidOut.entries()) {
        assert.equal(tree.find(rank), index);
        assert.equal(tree.remainder, part);
      }
      for (const [index] of weights.entries()) {
        assert.equal(
          tree.before(index),
          weights.slice(0, index).reduce((sum, weight) => sum + weight, 0),
        );
      }
    }),
  );
});

interface Node extends HeapNode {
  readonly value: number;
}

test('a heap gives up its nodes in order, whichever were removed from its middle', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer(), fc.boolean())), (entries) => {
      const heap = new Heap<Node>((a, b) => a.value < b.value);
      const nodes = entries.map(([value, removed]) => ({ node: { value, heapIndex: -1 }, removed }));
      for (const { node } of nodes) heap.push(node);
      for (const { node, removed } of nodes) if (removed) heap.remove(node);
      const kept = nodes.filter(({ removed }) => !removed).map(({ node }) => node.value);
      const drained: number[] = [];
      for (let node = heap.peek(); node !== undefined; node = heap.peek()) {
        drained.push(node.value);
        heap.remove(node);
      }
      assert.deepEqual(
        drained,
        kept.toSorted((a, b) => a - b),
      );
    }),
  );
});
