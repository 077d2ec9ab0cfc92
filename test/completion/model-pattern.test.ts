import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { matchesAnyModel, matchesModel } from '../../src/completion/model-pattern.ts';

test('a star stands for any run of characters, none included', () => {
  for (const pattern of [
    '*',
    'claude-*',
    '*-4-5',
    'claude-*-4-5',
    'c*e*s*5',
    'claude-sonnet-4-5',
    '*sonnet*',
    'claude-sonnet-4-5*',
  ])
    assert.equal(matchesModel(pattern, 'claude-sonnet-4-5'), true, pattern);
  for (const pattern of [
    '',
    'claude',
    'sonnet*',
    '*opus*',
    'claude-sonnet-4-5-*',
    'Claude-*',
    '*5*5',
    'claude.sonnet-4-5',
  ])
    assert.equal(matchesModel(pattern, 'claude-sonnet-4-5'), false, pattern);
});

test('the parts of a pattern do not share characters', () => {
  assert.equal(matchesModel('ab*ba', 'aba'), false);
  assert.equal(matchesModel('ab*ba', 'abba'), true);
  assert.equal(matchesModel('a*b*b', 'ab'), false);
});

test('it agrees with the regular expression of the same meaning', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 });
  fc.assert(
    fc.property(text, text, (pattern, model) => {
      const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
      assert.equal(matchesModel(pattern, model), new RegExp(`^${source}$`).test(model));
    }),
    { numRuns: 2000 },
  );
});

test('no pattern of a list fits when the list is empty', () => {
  assert.equal(matchesAnyModel([], 'claude-opus-4'), false);
  assert.equal(matchesAnyModel(['gpt-*', 'claude-*'], 'claude-opus-4'), true);
});
