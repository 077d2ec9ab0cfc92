import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describeConfig } from '../../src/config/describe.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { workspace } from './workspace.ts';

const CANARY = 'sk-canary-4b1d';
const HASH = 'ca4a7f'.padEnd(64, '0');

test('no problem shows a value, wherever a secret was put by mistake', (context) => {
  const { load, write } = workspace(context);
  write('secret', `${CANARY}\nand more\n`);
  const mistakes = [
    CANARY,
    `- ${CANARY}`,
    `${CANARY}: 1`,
    `${CANARY}: &${CANARY} "`,
    `server: *${CANARY}`,
    `server: !${CANARY} x`,
    `%${CANARY}\n---\nserver: {}`,
    `server: "\\${CANARY}"`,
    `server: |${CANARY}\n  x`,
    `server: ${CANARY}`,
    `server: { listen: ${CANARY}, ${CANARY}: ${CANARY} }`,
    `server: { tls: { cert_file: ${CANARY}, key_file: ${CANARY} } }`,
    `server: { drain_timeout: ${CANARY}, max_request_bytes: ${CANARY}, reflection: ${CANARY} }`,
    `server: { listen: ${CANARY}, listen: ${CANARY} }`,
    `admin: { token_sha256: ${CANARY} }`,
    `log: { level: ${CANARY} }`,
    `redis: { url: "http://u:${CANARY}@h" }`,
    `redis: { url_file: ${CANARY} }`,
    `upstream: { signing: ${CANARY} }`,
    `upstream: { signing: { secret: \${${CANARY}} } }`,
    `upstream: { retry: { max_attempts: ${CANARY} } }`,
    `accounts: { ${CANARY}: {} }`,
    `accounts: [${CANARY}]`,
    `accounts: [{ name: ${CANARY}, api_key: ${CANARY} x, provider: ${CANARY} }, { name: ${CANARY}, api_key: ${CANARY} y }]`,
    `accounts: [{ name: a, api_key: ${CANARY}, api_key_file: secret }]`,
    `accounts: [{ name: a, api_key_file: ${CANARY} }, { name: b, api_key_file: secret }]`,
    `accounts: [{ name: a, api_key: ${CANARY}, limits: ${CANARY}, models: [" ${CANARY}"] }]`,
    `accounts: [{ name: a, api_key: k, regions: [{ name: r, base_url: "https://u:${CANARY}@h" }, { name: r, base_url: ${CANARY} }] }]`,
    `tenants: [{ name: t, token_sha256: ${CANARY} }, { name: t, token_sha256: [${HASH}, ${HASH}] }]`,
    `tenants: [{ name: t, hmac_secret: [${CANARY}] }]`,
    `queue: { max_wait: \${KEY}, max_length: \${KEY} }`,
  ];
  for (const yaml of mistakes) {
    assert.throws(
      () => load(yaml, { KEY: CANARY }),
      (error) => {
        assert.ok(error instanceof ConfigError, inspect(error));
        assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /canary|ca4a7f/, yaml);
        return true;
      },
      yaml,
    );
  }
});

test('a configuration shows its secrets neither when described nor when printed', (context) => {
  const { load, write } = workspace(context);
  write('key', CANARY);
  const config = load(
    [
      `admin: { token_sha256: ${HASH} }`,
      `upstream: { signing: { secret: ${CANARY} } }`,
      `accounts: [{ name: a, api_key: ${CANARY} }, { name: b, api_key_file: key }]`,
      `redis: { url: "redis://u:${CANARY}@h:1" }`,
      `tenants: [{ name: t, token_sha256: ${HASH}, hmac_secret: ${CANARY} }]`,
    ].join('\n'),
  );
  const description = describeConfig(config);
  for (const text of [
    JSON.stringify(description),
    inspect(description, { depth: 9 }),
    JSON.stringify(config),
    inspect(config, { depth: 9 }),
  ]) {
    assert.doesNotMatch(text, /canary|ca4a7f/);
    assert.match(text, /\*\*\*/);
  }
});

test('a description has the names and spellings of the file, so that it can be read back', (context) => {
  const { load } = workspace(context);
  const yaml =
    'server: { listen: "[::1]:0", drain_timeout: 1500ms, max_connection_age: off }\nrouting: { hedge_after: 2s }\n';
  const description = describeConfig(load(yaml));
  assert.deepEqual(describeConfig(load(JSON.stringify(description))), description);
  assert.match(
    JSON.stringify(description),
    /"listen":"\[::1\]:0".*"max_connection_age":"off".*"drain_timeout":"1500ms".*"hedge_after":"2s"/,
  );
});

test('a description says of a setting with several forms which one it has', (context) => {
  const { load } = workspace(context);
  for (const form of ['p95', 'p7', '2s', 'off']) {
    const { routing } = describeConfig(load(`routing: { hedge_after: ${form} }\n`));
    assert.deepEqual(routing, { ...Object(describeConfig(load(''))['routing']), hedge_after: form });
  }
});

const WORDS = [
  'server',
  'listen',
  'accounts',
  'name',
  'api_key',
  'api_key_file',
  'limits',
  'models',
  'regions',
  'tenants',
  'tls',
  'redis',
  'url',
  'retry',
  'upstream',
  '__proto__',
  'constructor',
];
const PIECES = [
  ...WORDS,
  '${A}',
  '${',
  '}',
  '$${',
  '{',
  '[',
  ']',
  ',',
  ':',
  ': ',
  '- ',
  '\n',
  '\n  ',
  '\n    ',
  '"',
  "'",
  '|',
  '>',
  '&a ',
  '*a',
  '!t ',
  '%',
  '#',
  '---\n',
  '? ',
  '\t',
  '<<',
  '0x1F',
  '.inf',
  '~',
  '1e400',
  '\u0000',
  '\ud800',
  '\ue024',
  '😀',
  '\ufeff',
  'off',
];

test('junk is answered with a ConfigError that shows none of it, or with a configuration', (context) => {
  const { load } = workspace(context);
  const junk = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.oneof(fc.constantFrom(...PIECES), fc.constant(CANARY)), { maxLength: 40 })
      .map((pieces) => pieces.join('')),
    fc.object({ key: fc.constantFrom(...WORDS), maxDepth: 5 }).map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(junk, (yaml) => {
      try {
        load(yaml, { A: CANARY });
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        assert.ok(error.problems.length > 0);
        assert.doesNotMatch(error.message, /canary/);
      }
    }),
    { numRuns: 1500 },
  );
});

test('depth and size that no configuration has are refused', (context) => {
  const { problems } = workspace(context);
  const bomb = ['a: &a0 [x, x]', ...Array.from({ length: 30 }, (_, n) => `b${n}: &a${n + 1} [*a${n}, *a${n}]`)].join(
    '\n',
  );
  for (const yaml of ['['.repeat(200_000), `${'['.repeat(100)}${']'.repeat(100)}`, '{a: '.repeat(5000), bomb]) {
    const [problem] = problems(yaml);
    assert.ok(problem !== undefined);
  }
});
