import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FAULT_KINDS, parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { parseLimits } from '../../src/simulator/limits/rules.ts';

const DOCUMENT = readFileSync(fileURLToPath(new URL('../../docs/simulator.md', import.meta.url)), 'utf8');
const PARSERS = { latency: parseLatency, limit: parseLimits, faults: parseFaults } as const;

/** The text of a section, without its grammar. */
function section(flag: string): string {
  const [, text = ''] = DOCUMENT.split(`\n## \`--${flag}\``);
  return (text.split('\n## ')[0] ?? '').replaceAll(/^```\n[^]*?^```$/gm, '');
}

test('the document tells of every fault', () => {
  for (const kind of FAULT_KINDS) assert.ok(section('faults').includes(`\`${kind}\``), kind);
});

test('what the document gives as examples can be read', () => {
  for (const [flag, parse] of Object.entries(PARSERS)) {
    const examples = [...section(flag).matchAll(/`([^`\n]*(?:[=:+]|\dms)[^`\n]*)`/g)].map(
      ([, example = '']) => example,
    );
    assert.ok(examples.length >= 1, flag);
    for (const example of examples) assert.doesNotThrow(() => parse(example), example);
    const [, used] = new RegExp(`--${flag} '([^']+)'`).exec(DOCUMENT) ?? [];
    assert.ok(used !== undefined);
    assert.doesNotThrow(() => parse(used), used);
  }
});
