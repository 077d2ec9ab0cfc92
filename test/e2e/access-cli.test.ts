/** The client command proves who calls in each of the three ways, and `token` makes what the relay takes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import {
  ask,
  bearer,
  call,
  pemPath,
  type SecuredRelay,
  secretOf,
  server,
  startSecured,
  tls,
  tokenOf,
  verdict,
} from './secured-relay.ts';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with these arguments and nothing in its environment but what is given. */
async function cli(args: readonly string[], { env = {}, input = '' } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: 'pipe' });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, stderr };
}

describe('the client command, to a relay in plain text', () => {
  let relay: SecuredRelay;
  let secretFile = '';

  before(async () => {
    relay = await startSecured();
    secretFile = join(relay.folder, 'secret');
    await writeFile(secretFile, `${secretOf('search-team')}\n`);
  });
  after(() => relay[Symbol.asyncDispose]());

  const complete = (more: readonly string[], env = {}) =>
    cli(['complete', '--address', relay.relay.address, ...more, 'Hello'], { env });

  it('calls with a token from a flag or from the environment', async () => {
    const token = tokenOf('search-team');
    const [plain, streamed] = await Promise.all([
      complete(['--token', token]),
      complete(['--stream'], { RELAY_TOKEN: token }),
    ]);
    for (const { code, stdout, stderr } of [plain, streamed]) {
      assert.equal(code, 0, stderr);
      assert.notEqual(stdout.trim(), '');
      assert.match(stderr, /account primary, region us/);
    }
  });

  it('calls with a signature', async () => {
    const { code, stderr } = await complete(['--tenant', 'search-team', '--secret-file', secretFile]);
    assert.equal(code, 0, stderr);
    assert.match(relay.log(), /"status":"OK".*"tenant":"search-team"/);
  });

  it('says what is wrong with its credentials, and exits with 1', async () => {
    const [none, half] = await Promise.all([complete([]), complete(['--tenant', 'ads-team'])]);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^UNAUTHENTICATED: Send metadata "authorization: Bearer TOKEN"/);
    assert.equal(half.code, 1);
    assert.match(half.stderr, /--tenant and --secret-file go together/);
  });
});

describe('the client command, to a relay over mTLS', () => {
  let relay: SecuredRelay;

  before(async () => {
    relay = await startSecured({ settings: server({ tls: tls({ clients: true }) }) });
  });
  after(() => relay[Symbol.asyncDispose]());

  it('calls with a certificate', async () => {
    const name = pemPath('ads-team');
    const flags = ['--ca', pemPath('ca.pem'), '--cert', `${name}.pem`, '--key', `${name}.key`];
    const { code, stderr } = await cli(['complete', '--address', `localhost:${relay.port}`, ...flags, 'Hello']);
    assert.equal(code, 0, stderr);
    assert.match(relay.log(), /"status":"OK".*"tenant":"ads-team"/);
  });
});

describe('the token command', () => {
  it('makes a token, and settings that accept it and do not hold it', async () => {
    const { code, stdout } = await cli(['token', '--tenant', 'search-team']);
    assert.equal(code, 0);
    const [made = ''] = /relay_[\w-]{43}/.exec(stdout) ?? [];
    const settings = stdout.slice(stdout.indexOf('tenants:'));
    assert.ok(!settings.includes(made));
    await using relay = await startSecured({ settings: parse(settings) as object });
    assert.equal(verdict(await call(relay.connect(), bearer(made))), 'OK');
    assert.match(relay.log(), /"tenant":"search-team"/);
  });

  it('signs a request for another client to compare with: metadata, and the bytes signed', async () => {
    await using relay = await startSecured();
    const secretFile = join(relay.folder, 'secret');
    await writeFile(secretFile, secretOf('search-team'));
    const request = {
      model: 'claude-opus-5-5',
      maxTokens: 8,
      messages: [{ role: 'user', content: [{ text: { text: 'Hello' } }] }],
      tools: [{ custom: { name: 'f', input_schema: { value: { type: 'object', properties: { a: null } } } } }],
    };
    const flags = ['token', '--sign', '--tenant', 'search-team', '--secret-file', secretFile];
    const { code, stdout, stderr } = await cli(flags, { input: JSON.stringify(request) });
    assert.equal(code, 0, stderr);
    const proof = Object.fromEntries(
      [...stdout.matchAll(/^-H '([\w-]+): ([^']+)'$/gm)].map(([, key = '', value = '']) => [key, value]),
    );
    const bytes = Buffer.from(/^# ([\w+/=]+)$/m.exec(stdout)?.[1] ?? '', 'base64');
    assert.equal(verdict(await call(relay.connect(), proof, bytes)), 'OK');
    assert.equal(verdict(await call(relay.connect(), proof, ask())), 'UNAUTHENTICATED SIGNATURE_MISMATCH');
  });
});
