import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
const STATIC_IMPORT = /^(?:import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'/gm;

/** What is loaded with a file of ours: our files by their path below src, packages by their name. */
function loadedWith(file: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  for (const [, target = ''] of readFileSync(SOURCE + file, 'utf8').matchAll(STATIC_IMPORT)) {
    if (target.startsWith('.')) loadedWith(posix.join(dirname(file), target), loaded);
    else if (!target.startsWith('node:')) loaded.add(target);
  }
  return loaded;
}

test('a command loads what it needs when it runs: help and mistakes are answered without the relay', () => {
  const parts = [...loadedWith('cli/main.ts')].map((name) => (name.endsWith('.ts') ? dirname(name) : name));
  const heavy = parts.filter((part) => !/^(cli|simulator(\/.*)?|commander)$/.test(part));
  assert.deepEqual(heavy, []);
  assert.ok(!parts.includes('simulator/generation'), 'the simulator itself is not needed to read its flags');
});
