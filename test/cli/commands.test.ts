import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface Run {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

test('its help shows defaults in the spelling that its flags take', async () => {
  const { stdout } = await run(['simulate', '--help']);
  const told = stdout.replaceAll(/\s+/g, ' ');
  for (const text of ['127.0.0.1:8080', '60-180', 'none', 'any']) assert.ok(told.includes(`(default: ${text})`), text);
  assert.doesNotMatch(stdout, /\(default:\s*[{[]/);
});

describe('a port in use is told in a sentence', () => {
  const taken = createServer();
  let address = '';
  before(async () => {
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    const bound = taken.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    address = `127.0.0.1:${bound.port}`;
  });
  after(() => taken.close());

  it('by simulate', async () => {
    const { code, stderr } = await run(['simulate', '--listen', address]);
    assert.equal(code, 1);
    assert.ok(
      stderr.startsWith(`Something listens on ${address} already. Choose another address with --listen.`),
      stderr,
    );
    assert.doesNotMatch(stderr, /^\s+at /m);
  });

  for (const variable of ['RELAY_LISTEN', 'RELAY_ADMIN_LISTEN']) {
    it(`by serve, of ${variable}`, async () => {
      const free = { RELAY_LISTEN: '127.0.0.1:0', RELAY_ADMIN_LISTEN: '127.0.0.1:0' };
      const { code, stdout } = await run(['serve'], { ...free, [variable]: address });
      assert.equal(code, 1);
      const last: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
      const msg = `the relay could not start: Something listens on ${address} already. See server.listen and admin.listen.`;
      assert.partialDeepStrictEqual(last, { level: 'error', msg });
    });
  }
});
