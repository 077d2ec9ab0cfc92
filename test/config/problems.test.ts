import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../src/config/problem.ts';
import type { Environment } from '../../src/config/references.ts';
import { workspace } from './workspace.ts';

type Expected = readonly [place: string, path: string, message: RegExp];

interface Case {
  readonly yaml: string;
  readonly env?: Environment;
  readonly files?: Readonly<Record<string, string>>;
  /** `LINE:COLUMN`, or the source where the file has no place for it. */
  readonly problems: readonly Expected[];
}

const HASH = 'a'.repeat(64);
const AUTHORITY = fileURLToPath(new URL('./fixtures/relay.crt', import.meta.url));

/** An account with everything that is required, on one line. */
function account(rest = ''): string {
  return `accounts:\n  - { name: a, api_key: k${rest} }\n`;
}

const CASES: Readonly<Record<string, Case>> = {
  'an unknown key near a known one': {
    yaml: 'server:\n  drain_timout: 30s\n',
    problems: [['2:3', 'server.drain_timout', /Did you mean drain_timeout\?/]],
  },
  'an unknown key in camel case': {
    yaml: 'server: { drainTimeout: 30s }\n',
    problems: [['1:11', 'server.drainTimeout', /Did you mean drain_timeout\?/]],
  },
  'a key that belongs to another section': {
    yaml: 'hedge_after: 1s\n',
    problems: [['1:1', 'hedge_after', /Did you mean routing\.hedge_after\?/]],
  },
  'a key that is like nothing': {
    yaml: 'queue:\n  banana: 1\n',
    problems: [['2:3', 'queue.banana', /the settings here are max_length, max_wait/]],
  },
  'a key that is no word, which may be a secret and is not shown': {
    yaml: 'queue:\n  sk-ant-123-456: 1\n',
    problems: [['2:3', 'queue.(…)', /not a setting/]],
  },
  'the key __proto__': {
    yaml: 'server:\n  __proto__: { listen: 0.0.0.0:1 }\n',
    problems: [['2:3', 'server.__proto__', /not a setting/]],
  },
  'an unknown key with nothing after it': {
    yaml: 'server:\n  tsl:\n',
    problems: [['2:3', 'server.tsl', /Did you mean tls\?/]],
  },
  'an unknown key of an element of limits': {
    yaml: account(', limits: [{ requests_per_minute: 1, tokens: 5 }]'),
    problems: [['2:63', 'accounts[0].limits[0].tokens', /not a setting/]],
  },
  'sections of later versions': {
    yaml: 'sessions: { store: redis }\nbatches: {}\nconsul:\n',
    problems: [
      ['1:1', 'sessions', /not available in this version/],
      ['2:1', 'batches', /not available in this version/],
      ['3:1', 'consul', /not available in this version/],
    ],
  },
  'a key set twice': {
    yaml: 'queue:\n  max_wait: 1s\n  max_wait: 2s\n',
    problems: [['3:3', 'queue.max_wait', /same key twice/]],
  },
  'a quote that is never closed': {
    yaml: 'server:\n  listen: "127.0.0.1:1\n',
    problems: [['3:1', '', /something is missing/]],
  },
  'a tab for indentation': {
    yaml: 'server:\n\tlisten: 127.0.0.1:1\n',
    problems: [['2:1', '', /tab/]],
  },
  'a second document': { yaml: 'queue: {}\n---\nqueue: {}\n', problems: [['2:1', '', /second document/]] },
  'a tag': { yaml: 'server: !env { listen: x }\n', problems: [['1:9', '', /tag/]] },
  'an alias of nothing': { yaml: 'server: *base\n', problems: [['1:9', 'server', /anchor that is not set/]] },
  'an alias of itself': { yaml: 'server: &a\n  tls: *a\n', problems: [['1:1', '', /alias .* repeats itself/]] },
  'a list where the file should have sections': {
    yaml: '- server\n',
    problems: [['1:1', '', /is a list. Make it a mapping/]],
  },
  'text where a section should be': {
    yaml: 'server: fast\n',
    problems: [['1:9', 'server', /is text. Make it a mapping/]],
  },
  'a mapping where a list should be': {
    yaml: 'accounts:\n  primary: { api_key: k }\n',
    problems: [['2:3', 'accounts', /is a mapping. Make it a list/]],
  },
  'an empty element of a list': {
    yaml: 'accounts:\n  -\n',
    problems: [['2:4', 'accounts[0]', /is empty. Make it a mapping/]],
  },
  'a variable that is not set': {
    yaml: 'upstream:\n  signing: { secret: ${MISSING} }\n',
    problems: [['2:22', 'upstream.signing.secret', /needs environment variable MISSING/]],
  },
  'a variable named like what every object has': {
    yaml: 'upstream: { signing: { secret: ${constructor} } }\n',
    problems: [['1:32', 'upstream.signing.secret', /needs environment variable constructor/]],
  },
  'a variable that is empty': {
    yaml: 'log:\n  level: ${LEVEL}\n',
    env: { LEVEL: '' },
    problems: [['2:10', 'log.level', /variable LEVEL, which is not set/]],
  },
  'malformed references': {
    yaml: 'accounts:\n  - name: ${not-a-name}\n    api_key: "${OPEN"\n    organization: ${A:-${B}}\n',
    problems: [
      ['2:11', 'accounts[0].name', /malformed reference/],
      ['3:14', 'accounts[0].api_key', /malformed reference/],
      ['4:19', 'accounts[0].organization', /malformed reference/],
    ],
  },
  'characters that stand for hidden references': {
    yaml: 'log: { level: \ue041 }\n',
    problems: [['relay.yaml', '', /private use/]],
  },
  'a secret and its file at once': {
    yaml: 'accounts:\n  - name: a\n    api_key: k\n    api_key_file: key\n',
    files: { key: 'k' },
    problems: [['4:19', 'accounts[0].api_key_file', /together with api_key/]],
  },
  'secret files that are missing, empty or folders': {
    yaml: [
      'upstream: { signing: { secret_file: gone } }',
      'redis: { url_file: folder }',
      'accounts: [{ name: a, api_key_file: empty }]',
      'tenants:',
      '  - name: t',
      '    hmac_secret_file: gone',
    ].join('\n'),
    files: { empty: '\n', 'folder/file': '' },
    problems: [
      ['1:37', 'upstream.signing.secret_file', /does not exist/],
      ['2:20', 'redis.url_file', /no regular file/],
      ['3:37', 'accounts[0].api_key_file', /file is empty/],
      ['6:23', 'tenants[0].hmac_secret_file', /does not exist/],
    ],
  },
  'a secret file whose text cannot be a key': {
    yaml: 'accounts:\n  - name: a\n    api_key_file: key\n',
    files: { key: 'two words\n' },
    problems: [['3:19', 'accounts[0].api_key', /holds a space/]],
  },
  'secrets that are missing': {
    yaml: 'upstream:\n  signing: {}\nredis: {}\naccounts:\n  - name: a\n',
    problems: [
      ['2:3', 'upstream.signing.secret', /missing. Set secret or secret_file/],
      ['3:1', 'redis.url', /missing. Set url or url_file/],
      ['5:5', 'accounts[0].api_key', /missing. Set api_key or api_key_file/],
    ],
  },
  'durations without a unit, with a wrong one and out of range': {
    yaml: 'upstream:\n  timeout: 30\ncache: { ttl: 5 minutes }\nrouting: { hedge_after: soon, probe: { interval: 60d } }\nstream:\n  flush_interval: 10s\n',
    problems: [
      ['2:12', 'upstream.timeout', /not a duration\. .*such as 100ms/],
      ['3:15', 'cache.ttl', /not a duration/],
      ['4:25', 'routing.hedge_after', /A quantile such as p95, or off/],
      ['4:50', 'routing.probe.interval', /out of range. Use a duration from 100ms to 24d/],
      ['6:19', 'stream.flush_interval', /from 0 to 5s/],
    ],
  },
  'a bounded off-or-duration out of range': {
    yaml: 'routing: { hedge_after: 1ms }\n',
    problems: [['1:25', 'routing.hedge_after', /from 10ms to 24d/]],
  },
  'a plain 0 where there must be some time': {
    yaml: [
      'upstream: { timeout: 0, pool: { idle_timeout: 0 } }',
      'cache: { ttl: 0 }',
      'routing: { hedge_after: 0 }',
      'server: { max_connection_age: 0, keepalive_time: 0s }',
    ].join('\n'),
    problems: [
      ['1:22', 'upstream.timeout', /from 1ms to 24d\. With 0, no answer could be in time/],
      ['1:47', 'upstream.pool.idle_timeout', /from 1ms to 24d\. .*max_requests_per_connection: 1/],
      ['2:15', 'cache.ttl', /from 1ms to 24d\. To keep no answers, write mode: off/],
      ['3:25', 'routing.hedge_after', /from 10ms to 24d\. With less, .*p95, or off/],
      ['4:31', 'server.max_connection_age', /from 100ms to 24d\. .*write off/],
      ['4:50', 'server.keepalive_time', /from 100ms to 24d\. .*ping/],
    ],
  },
  'a number that is no duration where a 0 or off may stand': {
    yaml: 'server: { max_connection_age_grace: 5 }\nqueue: { max_wait: 5 }\nrouting: { hedge_after: 5 }\n',
    problems: [
      ['1:37', 'server.max_connection_age_grace', /neither a duration nor "off"\. Write numbers with units/],
      ['2:20', 'queue.max_wait', /not a duration\. Write numbers with units/],
      ['3:25', 'routing.hedge_after', /not a duration\. .*p95, or off/],
    ],
  },
  'a cache too small for any answer': {
    yaml: 'cache: { max_bytes: 1KiB, counters: 0, min_similarity: -0.1 }\n',
    problems: [
      ['1:21', 'cache.max_bytes', /from 4KiB to 1TiB\. No answer fits into less/],
      ['1:37', 'cache.counters', /at least 1\./],
      ['1:56', 'cache.min_similarity', /at least 0\./],
    ],
  },
  'sizes of an unclear unit, out of range and of no kind': {
    yaml: 'server:\n  max_request_bytes: 32mb\n  max_response_bytes: 1GiB\ncache: { max_bytes: [1] }\n',
    problems: [
      ['2:22', 'server.max_request_bytes', /not a size\. .*such as 32MiB/],
      ['3:23', 'server.max_response_bytes', /from 1 to 256MiB/],
      ['4:21', 'cache.max_bytes', /not a size/],
    ],
  },
  'numbers that are text, fractions, too small and too large': {
    yaml: 'queue: { max_length: many }\nupstream:\n  pool: { max_connections: 1.5 }\n  retry: { max_attempts: 0, budget_ratio: 2 }\n',
    problems: [
      ['1:22', 'queue.max_length', /is text. Make it a number/],
      ['3:28', 'upstream.pool.max_connections', /whole number/],
      ['4:26', 'upstream.retry.max_attempts', /too small. Use at least 1\./],
      ['4:43', 'upstream.retry.budget_ratio', /too large. Use at most 1\./],
    ],
  },
  'a word where true or false should be': {
    yaml: 'server: { reflection: yes }\n',
    problems: [['1:23', 'server.reflection', /is text. Make it true or false/]],
  },
  'text that YAML takes for a number': {
    yaml: 'accounts:\n  - { name: 1, api_key: 2 }\n',
    problems: [
      ['2:13', 'accounts[0].name', /is a number. Make it text \(put it in quotes\)/],
      ['2:25', 'accounts[0].api_key', /put it in quotes/],
    ],
  },
  'words that are no choice': {
    yaml: 'routing: { strategy: latancy }\ncache: { mode: everything }\n',
    problems: [
      ['1:22', 'routing.strategy', /Did you mean latency\?/],
      ['2:16', 'cache.mode', /Use off, exact, similar\./],
    ],
  },
  'a provider of a later version, and one of none': {
    yaml: 'accounts:\n  - { name: a, api_key: k, provider: bedrock }\n  - { name: b, api_key: k, provider: openai }\n',
    problems: [
      ['2:38', 'accounts[0].provider', /"bedrock" is not supported yet/],
      ['3:38', 'accounts[1].provider', /not one of the choices/],
    ],
  },
  'addresses that are none': {
    yaml: 'server:\n  listen: 50051\nadmin:\n  listen: ::1:9464\n',
    problems: [
      ['2:11', 'server.listen', /Make it text/],
      ['4:11', 'admin.listen', /not an address.*\[::1\]:50051/],
    ],
  },
  'base URLs that would not work': {
    yaml: `accounts:\n  - name: a\n    api_key: k\n    regions:\n${['api.anthropic.com', 'ftp://x', 'https://u:p@x', 'https://x/?a=1', 'https://x/v1/'].map((url, index) => `      - { name: r${index}, base_url: "${url}" }\n`).join('')}`,
    problems: [
      ['5:31', 'accounts[0].regions[0].base_url', /not an HTTP URL/],
      ['6:31', 'accounts[0].regions[1].base_url', /not an HTTP URL/],
      ['7:31', 'accounts[0].regions[2].base_url', /holds credentials/],
      ['8:31', 'accounts[0].regions[3].base_url', /query/],
      ['9:31', 'accounts[0].regions[4].base_url', /ends in \/v1/],
    ],
  },
  'a Redis URL of another kind': {
    yaml: 'redis: { url: "http://127.0.0.1:6379" }\n',
    problems: [['1:15', 'redis.url', /not a Redis URL/]],
  },
  'a Redis URL whose database is no number': {
    yaml: 'redis:\n  url: "redis://127.0.0.1:6379/notanumber"\n',
    problems: [['2:8', 'redis.url', /names no database/]],
  },
  'a Redis URL with what Redis takes no notice of': {
    yaml: 'redis: { url: "rediss://127.0.0.1:6379/0?tls=true" }\n',
    problems: [['1:15', 'redis.url', /query/]],
  },
  'a Redis URL whose password is not percent-encoded': {
    yaml: 'redis: { url: "redis://u:100%@127.0.0.1" }\n',
    problems: [['1:15', 'redis.url', /%25/]],
  },
  'a Redis authority that is missing': {
    yaml: 'redis:\n  url: rediss://127.0.0.1\n  ca_file: gone\n',
    problems: [['3:12', 'redis.ca_file', /does not exist/]],
  },
  'a Redis authority that is no certificate': {
    yaml: 'redis:\n  url: rediss://127.0.0.1\n  ca_file: notes\n',
    files: { notes: 'no certificate' },
    problems: [['3:12', 'redis.ca_file', /no certificate in PEM/]],
  },
  'a Redis authority where the connection is not of TLS': {
    yaml: `redis:\n  url: redis://127.0.0.1\n  ca_file: ${AUTHORITY}\n`,
    problems: [['3:12', 'redis.ca_file', /rediss/]],
  },
  'an account with neither name nor key': {
    yaml: 'accounts:\n  - weight: 1\n',
    problems: [
      ['2:5', 'accounts[0].name', /missing. Set name/],
      ['2:5', 'accounts[0].api_key', /missing/],
    ],
  },
  'names that would not do as a label': {
    yaml: 'accounts:\n  - { name: "a b", api_key: k, organization: "" }\n',
    problems: [
      ['2:13', 'accounts[0].name', /not a name/],
      ['2:46', 'accounts[0].organization', /not a name/],
    ],
  },
  'two accounts, regions and tenants of one name, even beside other mistakes': {
    yaml: [
      'accounts:',
      '  - { name: a, api_key: k, regions: [{ name: r, base_url: "https://x" }, { name: r, base_url: nowhere }] }',
      '  - { name: b, weight: heavy }',
      '  - { name: a, api_key: k }',
      'tenants:',
      `  - { name: t, token_sha256: ${HASH} }`,
      '  - { name: t, hmac_secret: s }',
    ].join('\n'),
    problems: [
      ['2:82', 'accounts[0].regions[1].name', /name of regions\[0\] too/],
      ['2:95', 'accounts[0].regions[1].base_url', /not an HTTP URL/],
      ['3:5', 'accounts[1].api_key', /missing/],
      ['3:24', 'accounts[1].weight', /is text/],
      ['4:13', 'accounts[2].name', /name of accounts\[0\] too/],
      ['7:13', 'tenants[1].name', /name of tenants\[0\] too/],
    ],
  },
  'an account without regions or models': {
    yaml: account(', regions: [], models: []'),
    problems: [
      ['2:37', 'accounts[0].regions', /too few entries. Give at least 1/],
      ['2:49', 'accounts[0].models', /too few entries/],
    ],
  },
  'limits that limit nothing, are no limits or are never used': {
    yaml: [
      'accounts:',
      '  - { name: a, api_key: k, limits: {} }',
      '  - { name: b, api_key: k, limits: 100 }',
      '  - name: c',
      '    api_key: k',
      '    limits:',
      '      - { models: [claude-*], requests_per_minute: 5 }',
      '      - { models: [claude-opus-*], requests_per_minute: 5 }',
    ].join('\n'),
    problems: [
      ['2:36', 'accounts[0].limits', /limits nothing/],
      ['3:36', 'accounts[1].limits', /neither a mapping of limits nor a list/],
      ['8:9', 'accounts[2].limits[1]', /never used/],
    ],
  },
  'delays in the wrong order': {
    yaml: 'upstream:\n  retry: { min_delay: 6s, base_delay: 7s }\n',
    problems: [
      ['2:23', 'upstream.retry.min_delay', /min_delay is above max_delay/],
      ['2:39', 'upstream.retry.base_delay', /base_delay is above max_delay/],
    ],
  },
  'a highest delay below a default, blamed on what the file sets': {
    yaml: 'upstream:\n  retry:\n    base_delay: 40ms\n    max_delay: 50ms\n',
    problems: [['4:16', 'upstream.retry.max_delay', /min_delay is above max_delay/]],
  },
  'a certificate without its key': {
    yaml: 'server:\n  tls: { cert_file: relay.crt }\n',
    files: { 'relay.crt': 'no certificate' },
    problems: [
      ['2:3', 'server.tls.key_file', /missing. Set key_file/],
      ['2:21', 'server.tls.cert_file', /no certificate in PEM/],
    ],
  },
  'a listener beyond loopback for everybody, even beside other mistakes': {
    yaml: 'server:\n  listen: 0.0.0.0:50051\n  drain_timeout: soon\n',
    problems: [
      ['2:11', 'server.listen', /no tenant is configured/],
      ['3:18', 'server.drain_timeout', /not a duration/],
    ],
  },
  'a listener beyond loopback by variable': {
    yaml: 'server: { listen: 127.0.0.1:1 }\n',
    env: { RELAY_LISTEN: '[::]:50051' },
    problems: [['environment variable RELAY_LISTEN', 'server.listen', /no tenant is configured/]],
  },
  'variables with wrong values': {
    yaml: '',
    env: {
      RELAY_LOG_LEVEL: 'loud',
      RELAY_REDIS_URL: 'localhost',
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: 'localhost',
    },
    problems: [
      ['environment variable RELAY_LOG_LEVEL', 'log.level', /not one of the choices/],
      ['environment variable ANTHROPIC_BASE_URL', 'accounts[0].regions[0].base_url', /not an HTTP URL/],
      ['environment variable RELAY_REDIS_URL', 'redis.url', /not a Redis URL/],
    ],
  },
  'two listeners on one port': {
    yaml: 'admin:\n  listen: 127.0.0.1:50051\n',
    problems: [['2:11', 'admin.listen', /both want port 50051/]],
  },
  'a tenant that cannot authenticate, even beside other mistakes': {
    yaml: 'tenants:\n  - name: t\n    token_sha256:\n  - { name: u, hmac_secret: s, weight: heavy }\n',
    problems: [
      ['2:5', 'tenants[0]', /no way to authenticate/],
      ['4:40', 'tenants[1].weight', /is text/],
    ],
  },
  'token hashes that are none, of nothing or shared': {
    yaml: [
      'tenants:',
      '  - { name: a, token_sha256: secret }',
      `  - { name: b, token_sha256: [${HASH}] }`,
      `  - { name: c, token_sha256: ${HASH.toUpperCase()} }`,
      '  - { name: d, token_sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 }',
    ].join('\n'),
    problems: [
      ['2:30', 'tenants[0].token_sha256', /neither a SHA-256 in hex nor/],
      ['4:30', 'tenants[2].token_sha256', /repeats a token of tenants\[1\]/],
      ['5:30', 'tenants[3].token_sha256', /hash of an empty token/],
    ],
  },
};

for (const [name, { yaml, env = {}, files = {}, problems: expected }] of Object.entries(CASES)) {
  test(`it names ${name}`, (context) => {
    const { write, problems, folder } = workspace(context);
    for (const [file, text] of Object.entries(files)) write(file, text);
    const found = problems(yaml, env);
    const shown = found.map(({ source, line, column, path }) => [
      line === undefined ? source.replace(`${folder}/`, '') : `${line}:${column}`,
      path,
    ]);
    assert.deepEqual(
      shown,
      expected.map(([place, path]) => [place, path]),
      JSON.stringify(found, undefined, 2),
    );
    for (const [index, [, , message]] of expected.entries()) assert.match(found[index]?.message ?? '', message);
  });
}

test('one run reports five different mistakes, each with its path and line', (context) => {
  const { problems } = workspace(context);
  const found = problems(
    [
      'server:',
      '  drain_timout: 30s',
      'upstream:',
      '  timeout: 10',
      '  signing: { secret: ${NOT_SET} }',
      'accounts:',
      '  - name: a',
      '    api_key_file: gone',
      '    regions:',
      '      - { name: us, base_url: nowhere }',
    ].join('\n'),
  );
  assert.deepEqual(
    found.map(({ path, line }) => [path, line]),
    [
      ['server.drain_timout', 2],
      ['upstream.timeout', 4],
      ['upstream.signing.secret', 5],
      ['accounts[0].api_key_file', 8],
      ['accounts[0].regions[0].base_url', 10],
    ],
  );
});

test('the error lists every problem in the form that editors turn into links', (context) => {
  const { load, folder } = workspace(context);
  assert.throws(
    () => load('queue: { max_lenght: 1 }\nlog: { level: loud }\n'),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(
        error.message,
        [
          'The configuration has 2 problems:',
          `  ${folder}/relay.yaml:1:10 queue.max_lenght: is not a setting. Did you mean max_length?`,
          `  ${folder}/relay.yaml:2:15 log.level: is not one of the choices. Use trace, debug, info, warn, error, fatal, silent.`,
        ].join('\n'),
      );
      return true;
    },
  );
});
