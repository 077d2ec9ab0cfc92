/** What an operator at a terminal does: grpcurl with nothing but the address, and the probe that Kubernetes setups run. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { type Finished, type RelayProcess, run, startRelay, succeed } from './processes.ts';
import { missing, TOOL_ENV } from './tools.ts';

const ENV = { env: TOOL_ENV };
const SERVICE = 'claude.relay.v1.RelayService';
const REQUEST = JSON.stringify({
  model: 'claude-opus-5-5',
  max_tokens: 64,
  messages: [{ role: 'user', content: [{ text: { text: 'Name a river.' } }] }],
});

describe('grpcurl, with nothing but the address', { skip: missing('grpcurl'), timeout: 60_000 }, () => {
  let relay: RelayProcess;
  before(async () => {
    relay = await startRelay();
  });
  after(() => relay?.[Symbol.asyncDispose]());

  const grpcurl = (...args: readonly string[]): Promise<string> => succeed('grpcurl', plaintext(args), ENV);
  function plaintext([target = '', ...before]: readonly string[]): string[] {
    return ['-plaintext', ...before, relay.address, ...target.split(' ')];
  }

  test('lists the services', async () => {
    assert.deepEqual((await grpcurl('list')).trim().split('\n'), [SERVICE, 'grpc.health.v1.Health']);
  });

  test('describes the service and its comments', async () => {
    const text = await grpcurl(`describe ${SERVICE}`);
    assert.match(text, /rpc Complete \( \.claude\.relay\.v1\.CompleteRequest \)/);
    assert.match(text, /rpc CompleteStream .* returns \( stream \.claude\.relay\.v1\.CompleteStreamResponse \)/);
    assert.match(text, /\/\/ Asks the model and waits for the whole answer\./);
  });

  test('describes a message with its fields and unions', async () => {
    const text = await grpcurl('describe claude.relay.v1.ContentBlock');
    assert.match(text, /oneof block \{/);
    assert.match(text, /\.claude\.relay\.v1\.ToolUseBlock tool_use = 4;/);
  });

  test('asks and gets the whole answer, which says that it is simulated', async () => {
    assert.equal(relay.simulated, true);
    const { message, relay: info } = JSON.parse(await grpcurl(`${SERVICE}/Complete`, '-d', REQUEST)) as {
      message: { content: { text: { text: string } }[]; stopReason: string };
      relay: { simulated: boolean; attempts: number };
    };
    assert.notEqual(message.content[0]?.text.text ?? '', '');
    assert.equal(message.stopReason, 'max_tokens');
    assert.equal(info.simulated, true);
    assert.equal(info.attempts, 1);
  });

  test('gets the same answer as a stream', async () => {
    const whole = JSON.parse(await grpcurl(`${SERVICE}/Complete`, '-d', REQUEST)) as {
      message: { content: { text: { text: string } }[] };
    };
    const events: Event[] = [];
    await grpcurlEvents(['-d', REQUEST, relay.address, `${SERVICE}/CompleteStream`], (event) => events.push(event));
    const pieces = events.map((event) => event.contentBlockDelta?.delta.textDelta?.text ?? '');
    assert.equal(pieces.join(''), whole.message.content[0]?.text.text);
    assert.ok(events[0]?.messageStart);
    assert.ok(events.at(-1)?.messageStop);
  });

  test('shows an error with its details', async () => {
    const request = JSON.stringify({ ...(JSON.parse(REQUEST) as object), max_tokens: undefined });
    const args = plaintext([`${SERVICE}/Complete`, '-format-error', '-d', request]);
    const { code, stderr } = await run('grpcurl', args, ENV);
    assert.equal(code, 64 + 3, 'INVALID_ARGUMENT');
    const { message, details } = JSON.parse(stderr) as { message: string; details: Record<string, unknown>[] };
    assert.match(message, /^max_tokens is missing/);
    const byType = new Map(details.map((detail) => [detail['@type'], detail]));
    const info = byType.get('type.googleapis.com/google.rpc.ErrorInfo');
    assert.equal(info?.['reason'], 'INVALID_REQUEST');
    assert.equal(info['domain'], 'claude-relay');
    const violations = byType.get('type.googleapis.com/google.rpc.BadRequest')?.['fieldViolations'];
    assert.equal((violations as { field: string }[])[0]?.field, 'max_tokens');
  });

  test('checks the health of the server, of its service and of an unknown one', async () => {
    assert.match(await grpcurl('grpc.health.v1.Health/Check'), /"SERVING"/);
    assert.match(await grpcurl('grpc.health.v1.Health/Check', '-d', JSON.stringify({ service: SERVICE })), /"SERVING"/);
    const args = plaintext(['grpc.health.v1.Health/Check', '-d', '{"service":"nobody"}']);
    assert.equal((await run('grpcurl', args, ENV)).code, 64 + 5, 'NOT_FOUND');
  });
});

describe('a drain, asked for by SIGTERM', { skip: missing('grpcurl'), timeout: 60_000 }, () => {
  test('is told to who watches the health, and ends with exit code 0', async () => {
    await using relay = await startRelay();
    const seen: string[] = [];
    const watch = grpcurlEvents([relay.address, 'grpc.health.v1.Health/Watch'], ({ status }) => {
      seen.push(String(status));
      if (status === 'SERVING') relay.terminate();
    });
    assert.equal(await relay.exited, 0);
    await watch;
    assert.deepEqual(seen, ['SERVING', 'NOT_SERVING']);
  });

  test('lets a stream under way finish', async () => {
    await using relay = await startRelay();
    const events: string[] = [];
    const code = await grpcurlEvents(['-d', REQUEST, relay.address, `${SERVICE}/CompleteStream`], (event) => {
      events.push(Object.keys(event)[0] ?? '');
      if (events.length === 1) relay.terminate();
    });
    assert.equal(code, 0);
    assert.equal(events.at(-1), 'messageStop');
    assert.equal(await relay.exited, 0);
  });
});

describe('grpc_health_probe', { skip: missing('grpc_health_probe'), timeout: 60_000 }, () => {
  const probe = (address: string, ...args: readonly string[]): Promise<Finished> =>
    run('grpc_health_probe', [`-addr=${address}`, ...args], ENV);

  test('succeeds while the relay serves and fails once it is gone', async () => {
    await using relay = await startRelay();
    assert.equal((await probe(relay.address)).code, 0);
    assert.equal((await probe(relay.address, `-service=${SERVICE}`)).code, 0);
    assert.notEqual((await probe(relay.address, '-service=nobody')).code, 0);
    relay.terminate();
    await relay.exited;
    assert.equal((await probe(relay.address)).code, 2, 'connection failure');
  });
});

type Event = Readonly<{
  messageStart?: object;
  messageStop?: object;
  contentBlockDelta?: { delta: { textDelta?: { text: string } } };
  status?: string;
}>;

/**
 * Runs grpcurl, tells of each message as it comes (it prints them as indented JSON, one after the other), and resolves
 * with the exit code.
 */
async function grpcurlEvents(args: readonly string[], onEvent: (event: Event) => void): Promise<number | null> {
  const child = spawn('grpcurl', ['-plaintext', ...args], { env: TOOL_ENV, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n}\n'); end >= 0; end = text.indexOf('\n}\n')) {
      onEvent(JSON.parse(text.slice(0, end + 2)) as Event);
      text = text.slice(end + 3);
    }
  });
  await once(child, 'close');
  return child.exitCode;
}
