import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SIMILAR_INDEX_DEFAULTS, SimilarIndex } from '../../../src/cache/similar/similar-index.ts';
import { mayShare } from '../../../src/cache/similar/share.ts';
import { readPairs, readVariants } from './pairs.ts';

const PROMPT = 'Explain how the harbour of Antwerp was built.';
const MISTYPED = 'Explain how the harbuor of Antwerp was built.';

describe('SimilarIndex', () => {
  it('finds equal prompts after normalisation, and mistyped ones', () => {
    const index = new SimilarIndex();
    index.add('scope', '1', PROMPT);
    assert.deepEqual(index.find('scope', `Hi, ${PROMPT.toLowerCase()} Thanks!`, 0.9), { id: '1', score: 1 });
    assert.equal(index.find('scope', MISTYPED, 0.9)?.id, '1');
    assert.equal(index.find('scope', PROMPT.replace('Antwerp', 'Rotterdam'), 0.9), undefined);
  });

  it('never looks beyond the scope', () => {
    const index = new SimilarIndex();
    index.add('one', '1', PROMPT);
    assert.equal(index.find('other', PROMPT, 0.9), undefined);
    assert.equal(index.find('other', MISTYPED, 0.9), undefined);
  });

  it('obeys the minimum similarity', () => {
    const index = new SimilarIndex();
    index.add('scope', '1', PROMPT);
    assert.equal(index.find('scope', MISTYPED, 0.999), undefined);
  });

  it('finds among thousands what a comparison with each would find', () => {
    const index = new SimilarIndex();
    const pairs = [...readPairs('trivial.jsonl'), ...readVariants('held-out-trivial.txt')];
    for (const [at, { a }] of pairs.entries()) index.add('scope', String(at), a);
    for (let other = 0; other < 3_000; other++)
      index.add('scope', `x${other}`, `Write a story about harbour ${other}.`);
    for (const [at, { a, b }] of pairs.entries()) {
      if (mayShare(a, b).share) assert.equal(index.find('scope', b, 0.9)?.id, String(at), b);
    }
  });

  it('serves the newest of several answers, and an older one when that is gone', () => {
    const index = new SimilarIndex();
    index.add('scope', 'old', PROMPT);
    index.add('scope', 'new', PROMPT);
    assert.equal(index.find('scope', PROMPT, 0.9)?.id, 'new');
    index.remove('new');
    assert.equal(index.find('scope', MISTYPED, 0.9)?.id, 'old');
  });

  it('forgets what the cache evicts', () => {
    const index = new SimilarIndex();
    index.add('scope', '1', PROMPT);
    index.remove('1');
    index.remove('1');
    assert.equal(index.size, 0);
    assert.equal(index.find('scope', PROMPT, 0.9), undefined);
    assert.equal(index.find('scope', MISTYPED, 0.9), undefined);
  });

  it('replaces the prompt of a known id', () => {
    const index = new SimilarIndex();
    index.add('scope', '1', PROMPT);
    index.add('scope', '1', 'What is a tide table for?');
    assert.equal(index.size, 1);
    assert.equal(index.find('scope', PROMPT, 0.9), undefined);
  });

  it('holds no more entries than it may, and lets the oldest go', () => {
    const index = new SimilarIndex({ ...SIMILAR_INDEX_DEFAULTS, maxEntries: 2 });
    for (const id of ['1', '2', '3']) index.add('scope', id, `What is the capital of country ${id}?`);
    assert.equal(index.size, 2);
    assert.equal(index.find('scope', 'What is the capital of country 1?', 0.9), undefined);
    assert.equal(index.find('scope', 'What is the capital of country 3', 0.9)?.id, '3');
  });

  it('takes only equality for prompts beyond its length', () => {
    const index = new SimilarIndex({ ...SIMILAR_INDEX_DEFAULTS, maxLength: 20 });
    index.add('scope', '1', PROMPT);
    assert.equal(index.find('scope', PROMPT.toLowerCase(), 0.9)?.id, '1');
    assert.equal(index.find('scope', MISTYPED, 0.9), undefined);
  });
});
