import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('../../', import.meta.url);
const DOCUMENT = readFileSync(new URL('docs/security.md', ROOT), 'utf8');

const files = readdirSync(new URL('test', ROOT), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => `test/${path}`);
const sources = files.map((path) => readFileSync(new URL(path, ROOT), 'utf8')).join('\n');

test('every test file that docs/security.md names is there', () => {
  const named = [...DOCUMENT.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)].map(([, path = '']) => path);
  const short = [...DOCUMENT.matchAll(/`((?:abuse|access|core|tls)-[\w-]+)`/g)].map(
    ([, name = '']) => `test/e2e/${name}.test.ts`,
  );
  assert.ok(named.length > 0 && short.length > 0);
  assert.deepEqual(
    [...named, ...short].filter((path) => !files.includes(path)),
    [],
  );
});

/** What is shorter is a word in quotation marks. */
const SHORTEST = 15;

/** Sentences stand in quotation marks; an ellipsis leaves their beginning or their end out. */
test('every sentence of a test that docs/security.md quotes is one', () => {
  const quoted = [...DOCUMENT.matchAll(/"([^"\n]*)"/g)].map(([, sentence = '']) => sentence);
  const parts = quoted.filter((sentence) => sentence.length >= SHORTEST).flatMap((sentence) => sentence.split('…'));
  const sentences = parts.map((part) => part.trim()).filter((part) => part !== '');
  assert.ok(sentences.length > 30);
  assert.deepEqual(
    sentences.filter((sentence) => !sources.includes(sentence)),
    [],
  );
});
