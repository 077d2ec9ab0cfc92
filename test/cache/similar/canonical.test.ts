import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { canonicalise, MAX_FOLDED_LENGTH, normalise } from '../../../src/cache/similar/canonical.ts';

function same(a: string, b: string): void {
  assert.equal(normalise(a), normalise(b));
}

function different(a: string, b: string): void {
  assert.notEqual(normalise(a), normalise(b));
}

describe('normalise', () => {
  it('folds space, final stops, sentence capitals and courtesies', () => {
    same('  What is  a\u00a0monad?\n', 'what is a monad');
    same('Good morning, Claude! What is a monad?', 'What is a monad?');
    same('Hi,\n\ncould you please list three birds? Thanks a lot!', 'List three birds.');
    same('List three birds. Please keep it short.', 'List three birds. Keep it short.');
  });

  it('keeps courtesies that may be the matter itself', () => {
    different('Translate to French: I will come. Thank you!', 'Translate to French: I will come.');
    different('Good morning! in Japanese, please', 'Good evening! in Japanese, please');
    different('Hello, world', 'Hi, world');
  });

  it('expands contractions of one reading only', () => {
    same("Why doesn't it work?", 'Why does not it work?');
    same('I’m lost, what now?', 'I am lost, what now?');
    different("Where did he'd go for lunch?", 'Where did he would go for lunch?');
    different("What is it's name for this?", 'What is its name for this?');
  });

  it('folds capitals that tell nothing and keeps those that do', () => {
    same('WHERE DOES IT RAIN IN AUSTRIA?', 'Where does it rain in Austria?');
    same('who lives in the united kingdom?', 'Who lives in the United Kingdom?');
    different('How does this help us today?', 'How does this help US today?');
    different('Where do I find polish?', 'Where do I find Polish?');
    different('Is the load 5 MW today?', 'Is the load 5 mW today?');
    different('Is CO in this sample of air?', 'Is Co in this sample of air?');
  });

  it('keeps signs, fractions, exponents and stops that are operators', () => {
    different('What is -5 plus two here?', 'What is 5 plus two here?');
    different('What is x² in this case?', 'What is x2 in this case?');
    different('Is 1½ cups the right amount?', 'Is 11/2 cups the right amount?');
    different('What is the value of 5!', 'What is the value of 5?');
    same('What is −5 plus two here?', 'What is -5 plus two here?');
  });

  it('keeps code, quoted text and the material letter by letter', () => {
    different('What does `a  b` do here?', 'What does `a b` do here?');
    different('What does "Yes" mean here?', 'What does "yes" mean here?');
    different('Fix this code:\nif x:\n  y()', 'Fix this code:\nif x:\n y()');
    different("Rewrite this line: don't go", 'Rewrite this line: do not go');
    same('Fix this code:\r\ny()\r\n', 'Fix this code:\ny()');
  });

  it('keeps prompts about spelling and punctuation whole', () => {
    different('Is the comma right in Yes, sir', 'Is the comma right in yes, sir');
    different('How many letters has Rome?', 'how many letters has rome?');
  });

  it('keeps prompts in other languages whole, but for space and characters', () => {
    different('Wie alt sind Sie heute?', 'Wie alt sind sie heute?');
    different('Tu viens demain.', 'Tu viens demain?');
    different('Сколько это стоит?', 'сколько это стоит?');
    same('这个药可以\u200b吃吗？', '这个药可以吃吗？');
    same('Wie  alt\u00a0ist die Stadt.', ' Wie alt ist die Stadt');
  });

  it('tells homoglyphs and emoji apart', () => {
    different('Is paypal a safe site?', 'Is p\u0430ypal a safe site?');
    different('What is that 👍 for?', 'What is that 👎 for?');
    different('Is this 👨\u200d👩 one family?', 'Is this 👨👩 one family?');
  });

  it('changes nothing about a text that is already canonical', () => {
    const word = fc.constantFrom('what', 'is', 'the', 'house', 'of', 'green', 'water', 'how', 'do', 'people', 'work');
    fc.assert(
      fc.property(fc.array(word, { minLength: 3, maxLength: 12 }), (words) => {
        assert.equal(
          canonicalise(words.join(' '))
            .tokens.map(({ text }) => text)
            .join(' '),
          words.join(' '),
        );
      }),
    );
  });

  it('never gives two texts one key that differ in letters beyond case and courtesies', () => {
    const letters = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
    const text = fc.array(fc.constantFrom('ab', 'is', 'the', 'X', '1', '-', "'q'", '"r"', '`c`', ':', '\n', 'it'), {
      minLength: 1,
      maxLength: 9,
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        if (normalise(a.join(' ')) === normalise(b.join(' '))) assert.equal(letters(a.join('')), letters(b.join('')));
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads prompts beyond the limit whole, folding line ends only', () => {
    const long = 'a word. '.repeat(MAX_FOLDED_LENGTH / 8 + 1);
    assert.equal(canonicalise(long).reading, 'whole');
    same(`${long}\r\n${long}\r\n`, `${long}\n${long}`);
    different(`${long}Please!`, long);
  });
});
