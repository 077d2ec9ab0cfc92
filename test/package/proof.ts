/**
 * Proof that the package works: packed, installed as users install it, and run by the oldest and the newest Node it
 * promises to run on. Needs the npm registry, so that `npm test` leaves it out: `npm run test:package`.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Finished, run, startRelay, succeed } from '../interop/processes.ts';
import { README } from '../interop/readme.ts';
import { ROOT } from '../interop/tools.ts';

const MINUTE = 60_000;
const { version } = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8')) as { version: string };

/** The environment with this Node before all others. */
function withNode(binary: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: [dirname(binary), process.env['PATH']].join(delimiter) };
}

const RUNTIMES = [
  { name: 'Node 22', install: async (folder: string) => installNode(folder, '22') },
  { name: 'Node 24', install: async () => process.execPath },
] as const;

/** From npm, which needs no other registry than the package itself. */
async function installNode(folder: string, major: string): Promise<string> {
  const prefix = join(folder, `node-${major}`);
  await npm('install', '--prefix', prefix, '--no-save', `node@${major}`);
  return join(prefix, 'node_modules/node/bin/node');
}

function npm(...args: readonly string[]): Promise<string> {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  return succeed('npm', [...args, ...quiet], { env: withNode(process.execPath), timeout: 5 * MINUTE });
}

describe('the package', { timeout: 15 * MINUTE }, () => {
  let folder: string;
  let global: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'claude-relay-package-'));
    global = join(folder, 'global');
    await npm('pack', '--pack-destination', folder);
    await npm('install', '--global', '--prefix', global, join(folder, `claude-relay-${version}.tgz`));
  });

  after(() => rm(folder, { recursive: true }));

  test('holds what runs, the proto files, what helps to configure and the papers, and nothing else', async () => {
    const installed = join(global, 'lib/node_modules/claude-relay');
    const files = (await readdir(installed, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('/claude-relay/node_modules'))
      .map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1));
    const isFolderFile = (file: string): boolean =>
      /^(dist\/.+\.js|proto\/.+\.proto|proto\/google\/LICENSE)$/.test(file);
    assert.deepEqual(files.filter((file) => !isFolderFile(file)).toSorted(), [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'config.schema.json',
      'package.json',
      'relay.example.yaml',
    ]);
    assert.ok(files.includes('proto/claude/relay/v1/relay_service.proto'));
    assert.ok(files.includes('dist/cli/main.js'));
  });

  test('brings no development tools along', async () => {
    const dependencies = await readdir(join(global, 'lib/node_modules/claude-relay/node_modules'));
    for (const tool of ['typescript', 'node', 'fast-check', '@anthropic-ai', '@bufbuild', 'oxlint']) {
      assert.ok(!dependencies.includes(tool), `${tool} was installed`);
    }
  });

  for (const { name, install } of RUNTIMES) {
    describe(`on ${name}`, () => {
      let env: NodeJS.ProcessEnv;
      let command: string;

      before(async () => {
        env = withNode(await install(folder));
        command = join(global, 'bin/claude-relay');
        assert.match(await succeed('node', ['--version'], { env }), new RegExp(`^v${name.slice(5)}\\.`));
      });

      const relay = (...args: readonly string[]): Promise<Finished> => run(command, args, { env, cwd: folder });

      test('tells its version', async () => {
        assert.equal((await relay('--version')).stdout.trim(), version);
      });

      test('serves and completes, in whole and as a stream, and drains', async () => {
        await using served = await startRelay({ env: { PATH: env['PATH'] }, command: [command, 'serve'] });
        assert.equal(served.simulated, true);
        const whole = await relay('complete', '--address', served.address, 'Name a river.');
        assert.equal(whole.code, 0, whole.stderr);
        assert.match(whole.stderr, /SIMULATED/);
        const streamed = await relay('complete', '--address', served.address, '--stream', 'Name a river.');
        assert.match(streamed.stderr, /from the cache: answered the same request [\d.]+ s ago - SIMULATED/);
        assert.equal(streamed.code, 0, streamed.stderr);
        assert.notEqual(whole.stdout.trim(), '');
        assert.equal(streamed.stdout, whole.stdout);
        served.terminate();
        assert.equal(await served.exited, 0);
      });

      test('refuses unknown flags and commands, and shows what there is', async () => {
        for (const args of [
          ['--bogus'],
          ['bogus'],
          ['serve', '--bogus'],
          ['complete', '--bogus', 'Hi'],
          ['complete'],
        ]) {
          const { code, stderr } = await relay(...args);
          assert.notEqual(code, 0, args.join(' '));
          assert.match(stderr, /^error: /, args.join(' '));
          assert.match(stderr, /--help|Usage:/, args.join(' '));
        }
      });

      test('says that nobody answers where nobody does', async () => {
        const { code, stderr } = await relay('complete', '--address', '127.0.0.1:1', '--timeout', '5', 'Hi');
        assert.equal(code, 1);
        assert.match(stderr, /^UNAVAILABLE: /);
      });
    });
  }
});

describe('a copy of the files under version control', { timeout: 10 * MINUTE }, () => {
  test("starts by the README's command, with whatever Node the machine has", async () => {
    const command = 'npm install && npm start';
    assert.ok(README.split('\n').includes(command), `the README does not say: ${command}`);
    const folder = await mkdtemp(join(tmpdir(), 'claude-relay-clone-'));
    try {
      const files = await succeed('git', ['ls-files', '-z']);
      for (const file of files.split('\0').filter((name) => name !== '')) {
        await cp(join(ROOT, file), join(folder, file));
      }
      await using relay = await startRelay({ command: ['bash', '-c', command], cwd: folder, env: withoutOurNode() });
      assert.equal(relay.simulated, true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** The machine's own Node: npm puts the project's before it while it runs a script. */
function withoutOurNode(): NodeJS.ProcessEnv {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.startsWith(ROOT));
  return { PATH: path.join(delimiter) };
}
