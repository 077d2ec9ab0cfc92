import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    const { RELAY_CONFIG: _, ...rest } = process.env;
    execFile(process.execPath, [MAIN, ...args], { env: { ...rest, ...env } }, (error, stdout, stderr) => {
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

describe('check', () => {
  let folder = '';
  let wrong = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'relay-check-'));
    wrong = join(folder, 'wrong.yaml');
    writeFileSync(wrong, 'queue: { max_lenght: 1 }\n');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('looks at the file that serve would take: that of RELAY_CONFIG', async () => {
    const { code, stderr } = await run(['check'], { RELAY_CONFIG: wrong });
    assert.equal(code, 1);
    assert.ok(stderr.includes(`${wrong}:1:10 queue.max_lenght: is not a setting.`), stderr);
  });

  it('prefers --config, as serve does', async () => {
    const right = join(folder, 'right.yaml');
    writeFileSync(right, 'queue: { max_length: 1 }\n');
    const { code, stdout } = await run(['check', '--config', right], { RELAY_CONFIG: wrong });
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${right}: the configuration is valid\n` });
  });

  it('says so where there is no file, and looks at the variables', async () => {
    const right = await run(['check']);
    assert.deepEqual(right, {
      code: 0,
      stdout: 'no file, only defaults and variables: the configuration is valid\n',
      stderr: '',
    });
    const loud = await run(['check'], { RELAY_LOG_LEVEL: 'loud' });
    assert.equal(loud.code, 1);
    assert.match(loud.stderr, /variable RELAY_LOG_LEVEL/);
  });

  it('complains of an unknown flag before all else', async () => {
    const { code, stderr } = await run(['check', '--nonsense']);
    assert.equal(code, 1);
    assert.match(stderr, /^error: unknown option '--nonsense'/);
  });
});

test('complete tells which variable gives its address', async () => {
  const { stdout } = await run(['complete', '--help'], { RELAY_LISTEN: '127.0.0.1:1' });
  const told = stdout.replaceAll(/\s+/g, ' ');
  assert.ok(told.includes('where the relay listens (default: "127.0.0.1:50051", env: RELAY_LISTEN)'), told);
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
