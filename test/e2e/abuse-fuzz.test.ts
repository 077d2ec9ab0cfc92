/** A short run of what `npm run bench -- fuzz` does for long. A failure names its seed and its input. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fuzzInProcess } from '../../bench/fuzz/in-process.ts';
import { startFuzzedRelay } from '../../bench/fuzz/server.ts';
import { targets } from '../../bench/fuzz/targets.ts';

const INPUTS = 8_000;
const FRAMES = 2_000;
const SEED = String(Date.now());

test('whatever bytes come, the codec, the authenticator and the settings use them or refuse them in words', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'relay-fuzz-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const tried = fuzzInProcess(targets(folder), SEED, (iteration) => iteration < INPUTS);
  assert.ok([...tried.values()].every((count) => count > 0));
});

test('whatever frames come, the relay goes on as if nothing had happened', { timeout: 60_000 }, async () => {
  const [complete] = targets('');
  assert.ok(complete);
  await using relay = await startFuzzedRelay();
  await relay.fuzz(SEED, complete.corpus, (sent) => sent < FRAMES);
  await relay.check();
});
