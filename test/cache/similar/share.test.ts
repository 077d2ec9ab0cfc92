import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { canonicalise } from '../../../src/cache/similar/canonical.ts';
import { differenceInMeaning } from '../../../src/cache/similar/meaning.ts';
import { mayShare } from '../../../src/cache/similar/share.ts';
import { readPairs, readVariants, type Pair } from './pairs.ts';

const adversarial: readonly Pair[] = [
  ...readPairs('adversarial.jsonl'),
  ...readVariants('held-out-adversarial.txt'),
  ...readVariants('held-out-adversarial-2.txt'),
];
const trivial: readonly Pair[] = [...readPairs('trivial.jsonl'), ...readVariants('held-out-trivial.txt')];

describe('mayShare', () => {
  it('shares no answer between near-identical prompts that ask for different things', () => {
    assert.deepEqual(
      adversarial.filter(({ a, b }) => a === b || mayShare(a, b).share || mayShare(b, a).share),
      [],
    );
  });

  it('shares the answer of at least 97 in 100 prompts that differ by trifles', () => {
    const served = trivial.filter(({ a, b }) => mayShare(a, b).share);
    assert.ok(served.length >= trivial.length * 0.97, `${served.length} of ${trivial.length}`);
  });

  it('agrees with itself the other way round', () => {
    for (const { a, b } of [...trivial, ...adversarial]) assert.equal(mayShare(a, b).share, mayShare(b, a).share, a);
  });

  it('scores equality 1 and a slip a little less, and obeys the minimum', () => {
    const slip: [string, string] = ['Explain how solar panels work.', 'Explain how solar panles work.'];
    assert.deepEqual(mayShare('Hi! What is rust?', 'what is  rust'), {
      share: true,
      score: 1,
      why: 'equal after normalisation',
    });
    const { share, score } = mayShare(...slip);
    assert.ok(share && score > 0.9 && score < 1);
    assert.equal(mayShare(...slip, 0.999).share, false);
  });

  it('forgives two slips and no third', () => {
    const prompt = 'Describe the history of glass production in central Europe for students.';
    const twice = prompt.replace('history', 'hisotry').replace('production', 'prodcution');
    assert.equal(mayShare(prompt, twice).share, true);
    assert.equal(mayShare(prompt, twice.replace('students', 'studnets')).share, false);
  });

  it('never forgives a slip beside a naming word, in quoted text, in code or in the material', () => {
    for (const [a, b] of [
      ['What does the function calculate do in this file?', 'What does the function calcualte do in this file?'],
      ['Where does "different" come from?', 'Where does "diffrent" come from?'],
      ['What does `different` do here?', 'What does `diffrent` do here?'],
      ['Summarise this: the different parts.', 'Summarise this: the diffrent parts.'],
    ] as const) {
      assert.equal(mayShare(a, b).share, false, b);
    }
  });

  it('shares nothing when any digit of a prompt is replaced', () => {
    const digit = fc.integer({ min: 0, max: 9 });
    fc.assert(
      fc.property(fc.constantFrom(...adversarial, ...trivial), fc.nat(), digit, ({ a }, which, replacement) => {
        const digits = [...a.matchAll(/\d/g)];
        const found = digits[which % Math.max(1, digits.length)];
        if (found === undefined || found[0] === String(replacement)) return;
        const other = a.slice(0, found.index) + String(replacement) + a.slice(found.index + 1);
        assert.equal(mayShare(a, other).share, false, other);
      }),
    );
  });

  it('shares nothing when a word is left out, doubled or moved', () => {
    fc.assert(
      fc.property(fc.constantFrom(...adversarial), fc.nat(), ({ a }, which) => {
        const words = a.split(' ');
        const at = which % (words.length - 1);
        const [word = '', next = ''] = words.slice(at, at + 2);
        if (/please|hello|good/i.test(word + next) || word === next) return;
        for (const others of [[next], [word, word, next], [next, word]]) {
          const other = [...words.slice(0, at), ...others, ...words.slice(at + 2)].join(' ');
          assert.equal(mayShare(a, other).share, false, other);
        }
      }),
    );
  });

  it('compares any two texts without failing, in time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme' }), (a, b) => {
        assert.equal(mayShare(a, a).share, true);
        assert.equal(typeof mayShare(a, a + b).share, 'boolean');
      }),
    );
  });
});

describe('the guards for embeddings', () => {
  it('let no near-identical pair through, even if an embedding finds both the same', () => {
    assert.deepEqual(
      adversarial.filter(({ a, b }) => differenceInMeaning(canonicalise(a), canonicalise(b)) === undefined),
      [],
    );
  });

  it('let other phrasings of a request through', () => {
    for (const [a, b] of [
      ['How do I reset a Gmail password?', 'How can I reset the Gmail password?'],
      ['How to build a birdhouse?', 'How do I build a birdhouse?'],
      ['What are the advantages of heat pumps?', 'What are the benefits of heat pumps?'],
      ['Could you explain the water cycle?', 'Describe the water cycle.'],
    ] as const) {
      assert.equal(differenceInMeaning(canonicalise(a), canonicalise(b)), undefined, a);
    }
  });

  it('stop at who is meant, at amounts and at the material', () => {
    for (const [a, b] of [
      ['How do I feel about this?', 'How do you feel about this?'],
      ['Do a few people like it here?', 'Do few people like it here?'],
      ['List some fruits: apple, pear', 'List some fruits: apple, plum'],
      ['Wie geht das heute?', 'Wie geht es heute?'],
    ] as const) {
      assert.notEqual(differenceInMeaning(canonicalise(a), canonicalise(b)), undefined, a);
    }
  });
});
