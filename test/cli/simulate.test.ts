import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

function simulate(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'simulate', ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

test('its help shows defaults in the spelling that its flags take', async () => {
  const { stdout } = await simulate('--help');
  const told = stdout.replaceAll(/\s+/g, ' ');
  for (const text of ['127.0.0.1:8080', '60-180', 'none', 'any']) assert.ok(told.includes(`(default: ${text})`), text);
  assert.doesNotMatch(stdout, /\(default:\s*[{[]/);
});

test('a port in use is told in a sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(typeof address === 'object' && address !== null);
  const { code, stderr } = await simulate('--listen', `127.0.0.1:${address.port}`);
  taken.close();
  assert.equal(code, 1);
  assert.match(stderr, /^Something listens on 127\.0\.0\.1:\d+ already\. Choose another port with --listen\./);
  assert.doesNotMatch(stderr, /^\s+at /m);
});
