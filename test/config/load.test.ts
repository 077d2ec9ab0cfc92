import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { describeConfig } from '../../src/config/describe.ts';
import { loadConfig } from '../../src/config/load.ts';
import { workspace } from './workspace.ts';

const EXAMPLE = fileURLToPath(new URL('../../relay.example.yaml', import.meta.url));
const EXAMPLE_ENV = { ANTHROPIC_API_KEY: 'sk-a', CLAUDE_SECRET: 'sign', SEARCH_SECRET: 'search' };
const TLS = fileURLToPath(new URL('./fixtures/', import.meta.url));

test('nothing at all is a complete configuration without accounts', () => {
  const config = loadConfig({ env: {} });
  assert.deepEqual(config.accounts, []);
  assert.deepEqual(config.tenants, []);
  assert.equal(config.redis, undefined);
  assert.deepEqual(config.server.listen, { host: '127.0.0.1', port: 50_051 });
  assert.deepEqual(config.admin.listen, { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(config.upstream.retry, {
    maxAttempts: 4,
    minDelayMs: 100,
    baseDelayMs: 500,
    maxDelayMs: 5000,
    budgetRatio: 0.2,
  });
  assert.equal(config.routing.hedgeAfterMs, Number.POSITIVE_INFINITY);
  assert.deepEqual(config.origin, { path: undefined, files: new Map(), variables: { applied: [], unused: [] } });
});

test('an empty file, a file of comments and sections with nothing in them are all defaults', (context) => {
  const { load } = workspace(context);
  const defaults = describeConfig(loadConfig({ env: {} }));
  for (const yaml of ['', '# nothing yet\n', '---\n', 'server:\naccounts:\nupstream:\n  pool:\n    # http2: true\n'])
    assert.deepEqual(describeConfig(load(yaml)), defaults, yaml);
});

test('the example loads, and says of every default what the default is', () => {
  const config = loadConfig({ path: EXAMPLE, env: EXAMPLE_ENV });
  const [account] = config.accounts;
  assert.equal(account?.apiKey.reveal(), 'sk-a');
  assert.equal(account?.organization, 'acme');
  assert.deepEqual(account?.limits, [
    {
      models: ['*'],
      requestsPerMinute: 1000,
      inputTokensPerMinute: 400_000,
      outputTokensPerMinute: 80_000,
      concurrentRequests: 100,
    },
  ]);
  assert.deepEqual(account?.regions, [
    { name: 'us-east', baseUrl: 'https://api.anthropic.com' },
    { name: 'eu-west', baseUrl: 'https://eu.gateway.example' },
  ]);
  assert.equal(config.upstream.signing?.secret.reveal(), 'sign');
  assert.equal(config.tenants[0]?.hmacSecret?.reveal(), 'search');
  assert.equal(config.redis?.url.reveal(), 'redis://127.0.0.1:6379');

  const shown = describeConfig(config);
  const defaults = describeConfig(loadConfig({ env: {} }));
  const upstream = { ...Object(defaults['upstream']), signing: { secret: '***' } };
  const { accounts, tenants, redis } = shown;
  assert.deepEqual(shown, { ...defaults, upstream, accounts, tenants, redis });
});

test('an API key in the environment is an account where the file has none', (context) => {
  const { load } = workspace(context);
  for (const yaml of ['', 'accounts: []\n']) {
    const { accounts, origin } = load(yaml, {
      ANTHROPIC_API_KEY: 'sk-$${x}',
      ANTHROPIC_BASE_URL: 'http://127.0.0.1:1/',
    });
    assert.equal(accounts.length, 1);
    assert.equal(accounts[0]?.name, 'default');
    assert.equal(accounts[0]?.organization, 'default');
    assert.equal(accounts[0]?.apiKey.reveal(), 'sk-$${x}', 'taken as it is');
    assert.deepEqual(accounts[0]?.regions, [{ name: 'default', baseUrl: 'http://127.0.0.1:1' }]);
    assert.deepEqual(origin.variables, { applied: ['ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL'], unused: [] });
  }
  const [account] = load('', { ANTHROPIC_API_KEY: 'k' }).accounts;
  assert.deepEqual(account?.regions, [{ name: 'default', baseUrl: 'https://api.anthropic.com' }]);
});

test('it says which variables meant nothing', (context) => {
  const { load } = workspace(context);
  const env = { ANTHROPIC_API_KEY: 'other', ANTHROPIC_BASE_URL: 'https://x' };
  const { accounts, origin } = load('accounts: [{ name: a, api_key: k }]\n', env);
  assert.equal(accounts[0]?.apiKey.reveal(), 'k');
  assert.deepEqual(origin.variables, { applied: [], unused: ['ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL'] });
  const keyless = loadConfig({ env: { ANTHROPIC_BASE_URL: 'https://x' } });
  assert.deepEqual(keyless.accounts, []);
  assert.deepEqual(keyless.origin.variables.unused, ['ANTHROPIC_BASE_URL']);
});

test('variables win over the file, whatever the file says there', (context) => {
  const { load } = workspace(context);
  const yaml = [
    'server: { listen: nonsense }',
    'redis: { url_file: gone }',
    'upstream: { signing: { secret: ${NOT_SET} } }',
    'log: { level: loud }',
  ].join('\n');
  const config = load(yaml, {
    RELAY_LISTEN: '[::1]:0',
    RELAY_ADMIN_LISTEN: 'localhost:1',
    RELAY_REDIS_URL: 'rediss://u:p@host:1/2',
    RELAY_LOG_LEVEL: 'debug',
    CLAUDE_SECRET: '${literal}',
  });
  assert.deepEqual(config.server.listen, { host: '::1', port: 0 });
  assert.deepEqual(config.admin.listen, { host: 'localhost', port: 1 });
  assert.equal(config.redis?.url.reveal(), 'rediss://u:p@host:1/2');
  assert.equal(config.log.level, 'debug');
  assert.equal(config.upstream.signing?.secret.reveal(), '${literal}');
});

test('an empty variable counts as unset', () => {
  const env = { RELAY_LISTEN: '', ANTHROPIC_API_KEY: '', CLAUDE_SECRET: '' };
  assert.deepEqual(describeConfig(loadConfig({ env })), describeConfig(loadConfig({ env: {} })));
});

test('references stand anywhere in a value, within braces too, and cannot change the structure', (context) => {
  const { load } = workspace(context);
  const yaml = [
    'upstream: { signing: { secret: ${S} }, stream_unary_above: ${N}, pool: { http2: ${B} } }',
    'accounts:',
    '  - name: a-${NAME}-${UNSET:-x}',
    '    api_key: "${KEY:-a}${EMPTY:-}"',
    '    organization: $${NAME}x # ${COMMENT}',
    '    regions: [{ name: r, base_url: ${URL:-http://127.0.0.1:8080/a} }]',
  ].join('\n');
  const env = { S: 'a: b, c: [d] # e\nf', N: '7', B: 'true', NAME: 'n', EMPTY: '', KEY: '' };
  const { upstream, accounts } = load(yaml.replace('$${NAME}x', 'o'), env);
  assert.equal(upstream.signing?.secret.reveal(), env.S);
  assert.equal(upstream.streamUnaryAbove, 7);
  assert.equal(upstream.pool.http2, true);
  assert.equal(accounts[0]?.name, 'a-n-x');
  assert.equal(accounts[0]?.apiKey.reveal(), 'a');
  assert.equal(accounts[0]?.regions[0]?.baseUrl, 'http://127.0.0.1:8080/a');
});

test('a doubled dollar is a plain one', (context) => {
  const { load } = workspace(context);
  const { upstream } = load('upstream: { signing: { secret: a$${B}$c$$d } }\n');
  assert.equal(upstream.signing?.secret.reveal(), 'a${B}$c$$d');
});

test('secrets come from files beside the configuration, without the last line break', (context) => {
  const { load, write, folder } = workspace(context);
  const key = write('secrets/key', 'k\n');
  const other = write('other', 'two words \r\n');
  const config = load(
    `accounts: [{ name: a, api_key_file: secrets/\${WHICH} }]\ntenants: [{ name: t, hmac_secret_file: ${other} }]\n`,
    { WHICH: 'key' },
  );
  assert.equal(config.accounts[0]?.apiKey.reveal(), 'k');
  assert.equal(config.tenants[0]?.hmacSecret?.reveal(), 'two words ');
  assert.deepEqual([...config.origin.files.keys()], [join(folder, 'relay.yaml'), key, other]);
});

test('TLS files are checked and named absolutely', (context) => {
  const { load, problems, write } = workspace(context);
  const key = write('notes', 'no key');
  const tls = (rest: string) => `server: { tls: { cert_file: ${TLS}relay.crt, ${rest} } }\n`;
  assert.deepEqual(load(tls(`key_file: ${TLS}relay.key, client_ca_file: ${TLS}relay.crt`)).server.tls, {
    certFile: `${TLS}relay.crt`,
    keyFile: `${TLS}relay.key`,
    clientCaFile: `${TLS}relay.crt`,
  });
  const found = [
    tls(`key_file: ${TLS}other.key`),
    tls('key_file: notes'),
    tls(`key_file: ${TLS}relay.key, client_ca_file: ${key}`),
  ];
  assert.deepEqual(
    found.flatMap((yaml) => problems(yaml)).map(({ path, message }) => [path, message.replace(/\..*/, '')]),
    [
      ['server.tls.key_file', 'the key does not belong to cert_file'],
      ['server.tls.key_file', 'the file holds no unencrypted private key in PEM'],
      ['server.tls.client_ca_file', 'the file holds no certificate in PEM'],
    ],
  );
});

test('the authorities of Redis are a file beside the configuration, which is watched', (context) => {
  const { load, write, folder } = workspace(context);
  const ca = write('tls/redis-ca.crt', readFileSync(`${TLS}relay.crt`, 'utf8'));
  const config = load('redis: { url: "rediss://redis.internal:6380/2", ca_file: tls/redis-ca.crt }\n');
  assert.equal(config.redis?.caFile, ca);
  assert.deepEqual([...config.origin.files.keys()], [join(folder, 'relay.yaml'), ca]);
});

test('limits are one object or a list by models', (context) => {
  const { load } = workspace(context);
  const { accounts } = load(
    [
      'accounts:',
      '  - { name: a, api_key: k, limits: { requests_per_minute: 5 } }',
      '  - { name: b, api_key: k, limits: [{ models: [claude-opus-*], requests_per_minute: 1 }, { concurrent_requests: 2 }] }',
      '  - { name: c, api_key: k }',
    ].join('\n'),
  );
  assert.deepEqual(
    accounts.map(({ limits }) => limits.map(({ models, requestsPerMinute }) => [models, requestsPerMinute])),
    [
      [[['*'], 5]],
      [
        [['claude-opus-*'], 1],
        [['*'], undefined],
      ],
      [],
    ],
  );
});

test('anchors spare repetition', (context) => {
  const { load } = workspace(context);
  const { accounts } = load(
    'accounts:\n  - { name: a, api_key: k, regions: &r [{ name: x, base_url: "https://x" }] }\n  - { name: b, api_key: k, regions: *r }\n',
  );
  assert.deepEqual(accounts[1]?.regions, accounts[0]?.regions);
});

test('tenants prove themselves by tokens, signatures or, with client authorities, certificates', (context) => {
  const { load } = workspace(context);
  const tls = `server: { listen: "0.0.0.0:0", tls: { cert_file: ${TLS}relay.crt, key_file: ${TLS}relay.key, client_ca_file: ${TLS}relay.crt } }`;
  const [first, second] = load(
    `${tls}\ntenants:\n  - { name: "spiffe://example.org/ns/web" }\n  - { name: t, token_sha256: [${'A'.repeat(64)}, ${'b'.repeat(64)}], limits: { usd_per_day: 0.5 } }\n`,
  ).tenants;
  assert.deepEqual(first?.tokenSha256, []);
  assert.equal(first?.hmacSecret, undefined);
  assert.deepEqual(first?.limits, {
    requestsPerMinute: undefined,
    tokensPerMinute: undefined,
    concurrentRequests: undefined,
    usdPerDay: undefined,
  });
  assert.deepEqual(
    second?.tokenSha256.map((hash) => hash.reveal()),
    ['a'.repeat(64), 'b'.repeat(64)],
  );
  assert.equal(second?.limits.usdPerDay, 0.5);
});

test('a listener beyond loopback for everybody is possible when it is meant', (context) => {
  const { load } = workspace(context);
  const { server } = load('server: { listen: "0.0.0.0:0", allow_anonymous: true }\n');
  assert.deepEqual(server.listen, { host: '0.0.0.0', port: 0 });
});

test('a file that cannot be read is a problem like any other', (context) => {
  const { folder } = workspace(context);
  for (const path of [join(folder, 'gone.yaml'), folder])
    assert.throws(() => loadConfig({ path, env: {} }), {
      name: 'ConfigError',
      message: /1 problem:\n.*(does not exist|regular file)/,
    });
});
