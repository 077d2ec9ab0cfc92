/** The README is true: its tables are those of the code, and every block that can be run is run, in its order. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { REASONS } from '../../src/completion/errors.ts';
import { type Finished, type RelayProcess, run, startRelay } from './processes.ts';
import { type CodeBlock, codeBlocks, README, tableUnder } from './readme.ts';
import { startReplayer } from './replay.ts';
import { makeFolder, missing, ROOT, type Tool, TOOL_ENV } from './tools.ts';

const SIGNING = 'Sign requests';
const GRPC_ADDRESS = '127.0.0.1:50051';
const ADMIN_ADDRESS = '127.0.0.1:9464';
/** A first build of grpc-go takes long. */
const TIMEOUT_MS = 300_000;

describe('the tables of the README', () => {
  test('tell every reason with its status, whose fault it is and whether it is retried', () => {
    const rows = tableUnder('When a call fails').map((cells) => cells.slice(0, 4));
    const facts = Object.entries(REASONS).map(([reason, { status, fault, retryable }]) => [
      reason,
      status,
      fault,
      retryable ? 'yes' : 'no',
    ]);
    assert.deepEqual(rows, facts);
  });

  test('tell every metric with its kind', async () => {
    await using relay = await startRelay();
    const text = await (await fetch(`http://${relay.adminAddress}/metrics`)).text();
    const exposed = [...text.matchAll(/^# TYPE (claude_\S+) (\w+)$/gm)].map(([, name, kind]) => `${name} ${kind}`);
    const told = tableUnder('Metrics').map(([name, kind]) => `${name} ${kind}`);
    assert.deepEqual(told.toSorted(), exposed.toSorted());
  });
});

test('the README tells every command', async () => {
  const { stdout } = await run(process.execPath, [`${ROOT}src/cli/main.ts`, '--help']);
  const [, list = ''] = stdout.split('Commands:\n');
  const commands = [...list.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name).filter((name) => name !== 'help');
  const told = tableUnder('Start').map(([name]) => name);
  assert.deepEqual(told.toSorted(), commands.toSorted());
});

test('the drawing of the pipeline shows every reason', () => {
  const drawing = codeBlocks().find(({ section }) => section === 'How a call travels')?.text ?? '';
  const absent = Object.keys(REASONS).filter((reason) => !new RegExp(`\\b${reason}\\b`).test(drawing));
  assert.deepEqual(absent, []);
});

test('the links of the README lead to files and headings that are there', async () => {
  const headings = [...README.matchAll(/^#+ (.*)$/gm)].map(
    ([, text = '']) => `#${text.toLowerCase().replaceAll(' ', '-')}`,
  );
  for (const [, target = ''] of README.matchAll(/\]\((?!https:)([^)]+)\)/g)) {
    if (target.startsWith('#')) assert.ok(headings.includes(target), target);
    else
      await assert.doesNotReject(
        run('test', ['-e', target]).then(({ code }) => assert.equal(code, 0)),
        target,
      );
  }
});

test('the Go settings of the README are those that the interop suite uses', async () => {
  const shown = codeBlocks().find(({ file }) => file === 'buf.gen.yaml')?.text ?? '';
  const used = await readFile(`${ROOT}test/interop/go/buf.gen.yaml`, 'utf8');
  assert.equal(shown.slice(shown.indexOf('version:')), used.slice(used.indexOf('version:')));
});

describe('the blocks of the README', { timeout: 3 * TIMEOUT_MS }, () => {
  const blocks = codeBlocks();
  let folder: string;
  let relay: RelayProcess;
  let signing: RelayProcess;

  before(async () => {
    folder = await makeFolder();
    for (const name of ['package.json', 'node_modules', 'src', 'scripts', 'proto', 'buf.yaml']) {
      await symlink(join(ROOT, name), join(folder, name));
    }
    // What `go mod init` and `go get` would make, without a network.
    for (const name of ['go.mod', 'go.sum']) await cp(`${ROOT}test/interop/go/${name}`, join(folder, name));
    relay = await startRelay();
    for (const block of blocks) if (block.section !== SIGNING) await writeBlock(block, relay);
    const config = blocks.find(({ file }) => file === 'relay.yaml');
    const start = blocks.find(({ section, text }) => section === SIGNING && text.includes('npm start'));
    assert.ok(config && start);
    await writeBlock(config, relay);
    signing = await startRelay({ command: ['bash', '-c', start.text], cwd: folder, env: { PATH: TOOL_ENV['PATH'] } });
    for (const block of blocks) if (block.section === SIGNING) await writeBlock(block, signing);
  });

  after(async () => {
    await relay?.[Symbol.asyncDispose]();
    await signing?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function writeBlock({ file, text }: CodeBlock, { address }: Pick<RelayProcess, 'address'>): Promise<void> {
    if (file !== undefined) await writeFile(join(folder, file), text.replaceAll(GRPC_ADDRESS, address));
  }

  function bash(script: string, { address, adminAddress }: RelayProcess): Promise<Finished> {
    const local = script.replaceAll(GRPC_ADDRESS, address).replaceAll(ADMIN_ADDRESS, adminAddress);
    return run('bash', ['-euo', 'pipefail', '-c', local], {
      cwd: folder,
      env: { ...TOOL_ENV, RELAY_LISTEN: address },
      timeout: TIMEOUT_MS,
    });
  }

  // `npm install && ...` is run by .ci/run and by test/package, `npm start -- ...` above.
  const runnable = blocks.filter(({ language, text }) => language === 'sh' && !/npm (install|start)/.test(text));
  const lacking = missing(...new Set(runnable.flatMap(({ text }) => toolsOf(text))));
  if (lacking) test('that need further programs are passed over', { skip: lacking });

  for (const { section, text } of runnable) {
    if (lacking && missing(...toolsOf(text))) continue;
    test(`do what they say: ${text.split('\n', 1)[0] ?? ''}`, { timeout: TIMEOUT_MS }, async () => {
      const { code, stdout, stderr } = await bash(text, section === SIGNING ? signing : relay);
      assert.equal(code, 0, stderr);
      if (!/grpc_tools|buf /.test(text)) assert.notEqual(stdout + stderr, '');
    });
  }

  for (const { text, file } of blocks) {
    const command = runnable.find((block) => file?.startsWith('sign.') && block.text.includes(file))?.text;
    if (file === undefined || command === undefined || (lacking && missing(...toolsOf(command)))) continue;
    test(`sign as the relay asks, but are refused with another secret: ${file}`, { timeout: TIMEOUT_MS }, async () => {
      const wrong = command.replace(/SEARCH_SECRET=\S+/, 'SEARCH_SECRET=another-secret');
      const { code, stdout, stderr } = await bash(wrong, signing);
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /The signature does not fit/);
    });

    test(`sign as the relay asks, but are refused when they come a second time: ${file}`, {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using replayer = await startReplayer(signing.address);
      await writeFile(join(folder, file), text.replaceAll(GRPC_ADDRESS, replayer.address));
      const { code, stderr } = await bash(command, signing);
      assert.equal(code, 0, stderr);
      assert.equal(replayer.outcomes.length, 1);
      assert.match(String(replayer.outcomes[0]), /UNAUTHENTICATED.*This signature was accepted before/);
    });
  }
});

/** The programs of others that a block calls. */
function toolsOf(script: string): readonly Tool[] {
  const needs: readonly (readonly [RegExp, readonly Tool[]])[] = [
    [/\bcurl\b/, ['curl']],
    [/\bgrpcurl\b/, ['grpcurl']],
    [/\bgrpc_health_probe\b/, ['grpc_health_probe']],
    [/\bpython3\b/, ['python']],
    [/\bbuf generate\b|\bgo run\b/, ['go', 'protoc-gen-go', 'protoc-gen-go-grpc']],
  ];
  return needs.flatMap(([pattern, tools]) => (pattern.test(script) ? tools : []));
}
