/**
 * Secrets planted wherever the relay gets some, and a search through everything that it tells anybody: its log at the
 * finest level, metrics, health, error texts and their details, what it prints when it cannot start or crashes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask, bearer, call, MODEL, type Outcome, sha256, signed, startSecured } from './secured-relay.ts';
import { FLAG, FRAME, frame, grpcHeaders, grpcMessage, RawConnection } from './raw-http2.ts';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const PATH = '/claude.relay.v1.RelayService/Complete';

/** Secrets by what they are, each found in any spelling that a program might give it. */
class Canaries {
  readonly #planted: [what: string, canary: string][] = [];

  plant(what: string): string {
    return this.add(what, `canary${randomBytes(12).toString('hex')}`);
  }

  /** What else must not be seen, such as a digest. */
  add(what: string, value: string): string {
    this.#planted.push([what, value]);
    return value;
  }

  /** Fails where any is in the text; says which and where, and not what it is. */
  absentFrom(place: string, told: string, but: readonly string[] = []): void {
    for (const [what, canary] of this.#planted) {
      if (but.includes(what)) continue;
      for (const spelling of spellings(canary)) {
        const at = told.indexOf(spelling);
        assert.ok(at < 0, `${what} is in ${place}, after: ${told.slice(Math.max(0, at - 120), Math.max(0, at))}`);
      }
    }
  }
}

function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // In base64 what stands before shifts the bytes: of each of the three ways, the part that does not depend on it.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, secret.toUpperCase(), bytes.toString('hex'), [...secret].toReversed().join(''), ...base64];
}

/** All that a caller is told of a failure. */
function toldTo({ error, message, info }: Outcome): string {
  const metadata = error?.metadata.toJSON() ?? {};
  const values = Object.values(metadata)
    .flat()
    .map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : value));
  return [message, JSON.stringify(info), ...values, error?.stack].join('\n');
}

/** An upstream that throws back whatever it is sent, key and prompt included, in every way in which one can fail. */
async function startEcho(test: TestContext): Promise<string> {
  const server = createServer((request, response) => void echo(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The parts of a request that are planted. */
const REQUEST = ['instructions', 'a prompt', 'a tool'];

const FAILURES: Readonly<Record<string, (response: ServerResponse, echoed: string) => void>> = {
  'bad-request': (response, echoed) => answer(response, 400, apiError('invalid_request_error', echoed)),
  unauthorized: (response, echoed) => answer(response, 401, apiError('authentication_error', echoed)),
  'not-found': (response, echoed) => answer(response, 404, apiError('not_found_error', echoed)),
  'server-error': (response, echoed) => answer(response, 500, apiError(echoed, echoed)),
  html: (response, echoed) => answer(response, 502, `<h1>${echoed}</h1>`, 'text/html'),
  'not-json': (response, echoed) => answer(response, 200, echoed),
  headers: (response, echoed) =>
    void response
      .writeHead(529, { 'request-id': 'r', 'x-debug': encodeURIComponent(echoed), 'retry-after': '0' })
      .end(),
  'error-event': (response, echoed) => stream(response, `event: error\ndata: ${apiError('api_error', echoed)}\n\n`),
  'broken-event': (response, echoed) => stream(response, `event: message_start\ndata: {"${echoed.slice(0, 500)}\n\n`),
  'odd-events': (response, echoed) =>
    stream(response, `event: ${JSON.stringify(echoed)}\ndata: ${JSON.stringify({ echoed })}\n\n`),
  cut: (response, echoed) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(echoed, () => response.destroy());
  },
};

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const [, kind = ''] = /"model":"claude-([\w-]+)"/.exec(body) ?? [];
  FAILURES[kind]?.(response, `${JSON.stringify(request.headers)} ${body}`);
}

function answer(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type, 'x-should-retry': 'false' }).end(body);
}

function stream(response: ServerResponse, events: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events);
}

function apiError(type: string, message: string): string {
  return JSON.stringify({ type: 'error', error: { type, message, details: { error_code: message } }, request_id: 'r' });
}

describe('what the relay tells', () => {
  it('holds no secret of anybody, whatever goes wrong', { timeout: 60_000 }, async (test) => {
    const canaries = new Canaries();
    const [token, secret] = [canaries.plant('a bearer token'), canaries.plant('a signing secret')];
    const adminToken = canaries.plant('the admin token');
    const accounts = [
      {
        name: 'echo',
        api_key: canaries.plant('an API key'),
        regions: [{ name: 'us', base_url: await startEcho(test) }],
      },
    ];
    const settings = {
      accounts,
      tenants: [
        {
          name: 'search-team',
          token_sha256: canaries.add('the digest of a token', sha256(token)),
          hmac_secret: secret,
        },
      ],
      upstream: {
        signing: { secret: canaries.plant('the secret of upstream signatures') },
        retry: { max_attempts: 2, min_delay: '1ms', base_delay: '1ms', max_delay: '1ms' },
        breaker: { minimum_requests: 1000 },
      },
      // Port 9 (discard) is closed: losing Redis is told of, and its password is not.
      redis: { url: `redis://relay:${canaries.plant('the password of Redis')}@127.0.0.1:9` },
      admin: { listen: '127.0.0.1:0', token_sha256: canaries.add('the digest of the admin token', sha256(adminToken)) },
      queue: { max_wait: '100ms' },
    };
    await using relay = await startSecured({ settings, logLevel: 'trace' });
    const client = relay.connect();
    const prompt = (): object => ({
      system: [{ text: { text: canaries.plant('instructions') } }],
      messages: [{ role: 'user', content: [{ text: { text: `Ünïcode "${canaries.plant('a prompt')}" \\ \n` } }] }],
      tools: [
        { custom: { name: 'f', description: canaries.plant('a tool'), input_schema: { text: '{"type":"object"}' } } },
      ],
    });

    const told: Outcome[] = [];
    const tell = async (outcome: Promise<Outcome>): Promise<void> => void told.push(await outcome);
    for (const kind of Object.keys(FAILURES)) {
      const request = ask({ ...prompt(), model: `claude-${kind}` });
      await tell(call(client, bearer(token), request));
      const proof = signed('search-team', request, new Date(), secret);
      canaries.add('a signature', proof['x-relay-signature']);
      await tell(call(client, proof, request));
      await tell(call(client, proof, request));
    }
    // Refused here: wrong tokens, signatures and requests.
    const wrong = canaries.plant('a wrong token');
    for (const header of [`Bearer ${wrong}`, wrong, `Basic ${wrong}`, `Bearer ${wrong} ${wrong}`]) {
      await tell(call(client, { authorization: header }));
    }
    for (const key of ['x-relay-tenant', 'x-relay-timestamp', 'x-relay-signature']) {
      const odd = canaries.plant(`a wrong ${key}`);
      await tell(call(client, { ...signed('search-team', ask(), new Date(), secret), [key]: odd }));
      await tell(call(client, { [key]: odd }));
    }
    const odd = canaries.plant('a malformed request');
    await tell(call(client, bearer(token), Buffer.from(odd)));
    const json = (document: string) => ({ messages: [{ role: 'user', content: [{ other: { text: document } }] }] });
    await tell(call(client, bearer(token), ask(json(`{"${odd}": ${odd}}`))));
    await tell(call(client, bearer(token), ask({ extra: { text: `{"model":"${odd}"}` } })));
    await tell(
      call(client, bearer(token), ask({ ...prompt(), relay: { betas: [`${odd},x`], region: `\u0000${odd}` } })),
    );
    await tell(call(client, bearer(token), ask({ ...prompt(), relay: { api_version: odd } })));
    await tell(call(client, { ...bearer(token), 'x-request-id': `${odd} with a space`, traceparent: odd }));
    await tell(call(client, bearer(token), ask({ model: 'claude-bad-request' }), { deadline: 1 }));
    await unreadable(relay.port, canaries.plant('metadata that cannot be read'));

    for (const outcome of told) {
      assert.notEqual(outcome.status, 'OK');
      // What the API says of an invalid request is passed on, and may quote the request to him who made it.
      const quoted = outcome.info.metadata?.['upstream_status'] === '400' ? REQUEST : [];
      canaries.absentFrom('what a caller is told', toldTo(outcome), quoted);
    }
    for (const path of ['/metrics', '/healthz', '/readyz', `/health/regions/${adminToken}`, `/${adminToken}`]) {
      for (const headers of [{ authorization: `Bearer ${adminToken}` }, { authorization: `Bearer x${adminToken}` }]) {
        canaries.absentFrom(path.slice(0, 15), (await relay.admin(path, headers)).text);
      }
    }
    canaries.absentFrom('the log', relay.log());
    assert.match(relay.log(), /"reason":"SIGNATURE_REPLAYED"/);
    assert.match(relay.log(), /Redis/i);
  });

  it('is the answer, to its caller alone', async () => {
    const canaries = new Canaries();
    await using relay = await startSecured({ logLevel: 'trace' });
    const client = relay.connect();
    const request = ask({ model: MODEL, system: [{ text: { text: canaries.plant('instructions') } }] });
    const { status, answer: given } = await call(client, bearer('token-of-search-team'), request);
    assert.equal(status, 'OK');
    const message = given?.['message'] as { readonly content: readonly { readonly text: { readonly text: string } }[] };
    canaries.add('an answer', message.content[0]?.text.text ?? '');
    canaries.absentFrom('the log', relay.log());
    canaries.absentFrom('/metrics', (await relay.admin('/metrics')).text);
  });
});

/** Metadata that gRPC does not allow: grpc-js tells of such with the value. */
async function unreadable(port: number, canary: string): Promise<void> {
  const connection = await RawConnection.open(port);
  const headers = grpcHeaders(PATH, { authorization: `Bearer ${canary}\u00e9`, 'x-odd-bin': canary });
  connection.write(connection.headers(1, headers), frame(FRAME.DATA, FLAG.END_STREAM, 1, grpcMessage(ask())));
  await connection.find(({ type, stream: id }) => (type === FRAME.HEADERS || type === FRAME.RST_STREAM) && id === 1);
  connection.destroy();
}

describe('what the command prints', () => {
  /** Runs `serve` until it ends or has printed the text; gives all that it printed. */
  async function serve(settings: string, env: NodeJS.ProcessEnv, until: RegExp, test: TestContext): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'relay-printed-'));
    test.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'relay.yaml');
    writeFileSync(path, settings);
    const child = spawn(process.execPath, [CLI, 'serve', '--config', path], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const print = (chunk: Buffer): void => {
      printed += chunk.toString();
      if (until.test(printed)) child.kill('SIGTERM');
    };
    child.stdout.on('data', print);
    child.stderr.on('data', print);
    await ended;
    return printed;
  }

  it('holds no secret of the settings or the environment, at the finest level, with gRPC traced', async (test) => {
    const canaries = new Canaries();
    const listen = { server: { listen: '127.0.0.1:0' }, admin: { listen: '127.0.0.1:0' } };
    const env = {
      RELAY_LOG_LEVEL: 'trace',
      ANTHROPIC_API_KEY: canaries.plant('an API key'),
      CLAUDE_SECRET: canaries.plant('the secret of upstream signatures'),
      RELAY_REDIS_URL: `redis://:${canaries.plant('the password of Redis')}@127.0.0.1:9`,
      SEARCH_SECRET: canaries.plant('a signing secret'),
      GRPC_TRACE: 'all',
      GRPC_VERBOSITY: 'DEBUG',
    };
    const tenants = [{ name: 'search-team', hmac_secret: '${SEARCH_SECRET}' }];
    const printed = await serve(JSON.stringify({ ...listen, tenants }), env, /serves gRPC on/, test);
    assert.match(printed, /serves gRPC on/);
    canaries.absentFrom('what it prints', printed);
  });

  it('holds no secret of settings that are wrong, nor of a relay that cannot start', async (test) => {
    const canaries = new Canaries();
    const settings = {
      server: { listen: '127.0.0.1:0' },
      admin: { listen: '127.0.0.1:0', token_sha256: canaries.plant('the admin token in place of its digest') },
      accounts: [{ name: 'a', api_key: `${canaries.plant('an API key')} with a space`, regions: [] }],
      tenants: [
        { name: 'search-team', token_sha256: canaries.plant('a token in place of its digest') },
        { name: 'search-team', hmac_secret_file: canaries.plant('a secret in place of its file') },
      ],
      redis: { url: `https://:${canaries.plant('the password of Redis')}@127.0.0.1` },
    };
    const broken = `accounts: [{ name: a, api_key: "${canaries.plant('an API key in broken YAML')} }`;

    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    test.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    const usable = {
      server: { listen: `127.0.0.1:${port}` },
      admin: { listen: '127.0.0.1:0' },
      accounts: [
        { name: 'a', api_key: canaries.plant('an API key'), regions: [{ name: 'us', base_url: 'http://127.0.0.1:9' }] },
      ],
      tenants: [{ name: 'search-team', hmac_secret: canaries.plant('a signing secret') }],
    };
    const [wrong, malformed, unable] = await Promise.all(
      [JSON.stringify(settings), broken, JSON.stringify(usable)].map((each) => serve(each, {}, /(?!)/, test)),
    );
    assert.match(wrong ?? '', /tenants\[0\]\.token_sha256/);
    assert.match(unable ?? '', /Something listens on/);
    for (const printed of [wrong, malformed, unable]) {
      assert.notEqual(printed, '');
      canaries.absentFrom('what it prints', printed ?? '');
    }
  });
});
