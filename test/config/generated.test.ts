import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { insertTables, jsonSchema, renderTables } from '../../scripts/config-schema.ts';
import { outline } from '../../src/config/validate.ts';

const STALE = 'Run: npm run generate';

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

test('config.schema.json is that of the settings', () => {
  assert.deepEqual(JSON.parse(read('config.schema.json')), JSON.parse(JSON.stringify(jsonSchema())), STALE);
});

test('the tables of the documentation are those of the settings', () => {
  const docs = read('docs/configuration.md');
  assert.equal(insertTables(docs), docs, STALE);
});

test('every setting is described', () => {
  const rows = renderTables()
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const undescribed = rows.filter((row) => /\| +\|$/.test(row));
  assert.deepEqual(undescribed, []);
  for (const section of outline.keys.keys()) assert.match(renderTables(), new RegExp(`### ${section}\n\n\\S`));
});

test('the schema for editors takes variables wherever a number, a choice or a form is asked for', () => {
  const text = JSON.stringify(jsonSchema());
  const bare = text.match(
    /"[a-z_]+":\{("description":"[^"]*",)?("default":[^,{]+,)?"type":"(integer|number|boolean)"/g,
  );
  assert.equal(bare, null);
});

test('the schema for editors asks for a secret or its file', () => {
  const text = JSON.stringify(jsonSchema());
  assert.ok(text.includes('{"anyOf":[{"required":["api_key"]},{"required":["api_key_file"]}]}'));
});

test('the schema for editors takes a section with nothing in it, and refuses limits that limit nothing', () => {
  const text = JSON.stringify(jsonSchema());
  for (const section of ['server', 'admin', 'log', 'upstream', 'routing', 'queue', 'cache', 'stream', 'redis'])
    assert.match(text, new RegExp(`"${section}":\\{("description":"[^"]*",)?"type":\\["object","null"\\]`), section);
  const limits = text.indexOf('{"required":["requests_per_minute"]},{"required":["input_tokens_per_minute"]}');
  assert.ok(limits > text.indexOf('"limits":{'));
});

test('the example is YAML to other parsers as well, which take braces in braces for mappings', () => {
  assert.doesNotMatch(read('relay.example.yaml').replaceAll(/"[^"]*"|#.*/g, ''), /[{[].*\$\{/);
});
