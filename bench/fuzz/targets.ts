/** What is fuzzed in this process: each takes bytes that anybody may send, and either uses them or refuses them in words. */
import { createHash, createHmac } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MethodDefinition } from '@grpc/proto-loader';
import { Authenticator } from '../../src/access/authenticator.ts';
import { namesOf } from '../../src/access/certificate.ts';
import { TenantDirectory } from '../../src/access/directory.ts';
import { parseRfc3339 } from '../../src/access/rfc3339.ts';
import { ANONYMOUS } from '../../src/access/tenant.ts';
import { fromProtoJson } from '../../src/cli/proto-json.ts';
import { loadProto } from '../../src/cli/relay-client.ts';
import type { Operation } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import { Secret } from '../../src/completion/secret.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { createCodec } from '../../src/server/codec/codec.ts';
import type { RelayInfo } from '../../src/server/relay-info.ts';
import type { Random } from '../../src/simulator/random.ts';
import { must } from './finding.ts';
import { below, oneOf } from './mutate.ts';

export interface Target {
  readonly name: string;
  /** How often it is chosen, relative to the others. */
  readonly weight: number;
  /** Valid inputs, which are then mutated. */
  readonly corpus: readonly Buffer[];
  /** Throws where the input is neither used nor refused as it should be. */
  readonly take: (input: Buffer, random: Random) => void;
}

const FIXTURES = new URL('../../test/fixtures/', import.meta.url);

/** @param folder for settings files, which come and go */
export function targets(folder: string): readonly Target[] {
  const codec = createCodec();
  return [...requests(codec), ...answers(codec), authenticator(), certificates(), timestamps(), settings(folder)];
}

type Codec = ReturnType<typeof createCodec>;

const OPERATIONS: readonly (readonly [Operation, string])[] = [
  ['messages', 'Complete'],
  ['count_tokens', 'CountTokens'],
  ['models', 'ListModels'],
];

function requests(codec: Codec): Target[] {
  return OPERATIONS.map(([operation, rpc]) => ({
    name: `the codec, decoding a request of ${rpc}`,
    weight: operation === 'messages' ? 40 : 10,
    corpus: serialized(rpc),
    take: (wire) => {
      const decoded = refusedAs(['INVALID_REQUEST', 'REQUEST_TOO_LARGE'], () => codec.decodeRequest(operation, wire));
      if (decoded !== undefined && operation !== 'models') JSON.parse(decoded.body);
    },
  }));
}

/** Requests that use most of the proto. */
function serialized(rpc: string): Buffer[] {
  const definition = loadProto();
  const methods = definition['claude.relay.v1.RelayService'] as unknown as Record<
    string,
    MethodDefinition<object, object>
  >;
  const method = methods[rpc];
  if (method === undefined) throw new Error(`the proto has no method ${rpc}`);
  const { requestSerialize, requestType } = method;
  const name = `claude.relay.v1.${'name' in requestType.type ? String(requestType.type.name) : ''}`;
  const texts = rpc === 'ListModels' ? ['{"limit":5,"after_id":"a"}', '{}'] : REQUESTS;
  return texts.map((text) =>
    requestSerialize(fromProtoJson(definition, name, rpc === 'Complete' ? text : withoutMaxTokens(text))),
  );
}

const CONTENT = `[
  {"text":{"text":"Hi \\u00fc \\ud83d\\ude00","cache_control":{"type":"ephemeral","ttl":"1h"}}},
  {"image":{"source":{"base64":{"media_type":"image/png","data":"iVBORw0KGgo="}}}},
  {"tool_use":{"id":"toolu_1","name":"f","input":{"text":"{\\"b\\":1.50,\\"a\\":[null,true]}"}}},
  {"tool_result":{"tool_use_id":"toolu_1","content":[{"text":{"text":"42"}}],"is_error":false}},
  {"thinking":{"thinking":"…","signature":"c2ln"}},
  {"other":{"value":{"type":"hologram","deep":[{"x":[1,2,{"y":null}]}]}}}]`;
const REQUESTS = [
  '{"model":"claude-opus-5-5","max_tokens":8,"messages":[{"role":"user","content":[{"text":{"text":"Hi"}}]}]}',
  `{"model":"claude-opus-5-5","max_tokens":1024,"messages":[{"role":"user","content":${CONTENT}}],
    "system":[{"text":{"text":"Be brief."}}],"tools":[{"custom":{"name":"f","input_schema":{"text":"{\\"type\\":\\"object\\"}"}}},
    {"anthropic":{"type":"web_search_20260318","name":"web_search","extra":{"text":"{\\"max_uses\\":1}"}}}],
    "extra":{"text":"{\\"speed\\":\\"fast\\"}"},"relay":{"betas":["a"],"api_version":"2023-06-01"}}`,
];

function withoutMaxTokens(text: string): string {
  return text.replace(/"max_tokens":\d+,/, '');
}

const INFO: RelayInfo = {
  request_id: 'r',
  upstream_request_id: 'u',
  account: 'a',
  region: 'us',
  attempts: 1,
  cache_status: 'MISS',
  queued: 0,
  total: 1,
  simulated: false,
};

function answers(codec: Codec): Target[] {
  const expected = ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_INVALID_TEXT', 'STREAM_INTERRUPTED'];
  const texts = (folder: string, part: (text: string) => string[]): Buffer[] =>
    readdirSync(new URL(folder, FIXTURES))
      .filter((file) => /\.(json|sse)$/.test(file))
      .flatMap((file) => part(readFileSync(new URL(`${folder}/${file}`, FIXTURES), 'utf8')))
      .filter((text) => text.length < 4_000)
      .map((text) => Buffer.from(text));
  const events = (sse: string): string[] => [...sse.matchAll(/^data: ?(.*)$/gm)].map(([, data = '']) => data);
  return [
    {
      name: 'the codec, encoding an answer',
      weight: 15,
      corpus: texts('responses', (text) => [text]),
      take: (input) => void refusedAs(expected, () => codec.encodeWhole('messages', input.toString(), INFO)),
    },
    {
      name: 'the codec, encoding an event',
      weight: 15,
      corpus: texts('streams', events),
      take: (input) => {
        const data = input.toString();
        const [, type = 'ping'] = /"type"\s*:\s*"(\w+)"/.exec(data) ?? [];
        refusedAs(expected, () => codec.createStreamEncoder().encode({ type, data }, INFO));
      },
    },
  ];
}

const NOW = Date.parse('2026-11-23T12:00:00Z');
const TOKEN = 'relay_token-of-search-team';
const SECRET = 'secret of search-team';
const BODY = Buffer.from('a serialized request');
const REFUSALS = ['UNAUTHENTICATED', 'SIGNATURE_STALE', 'SIGNATURE_MISMATCH', 'SIGNATURE_REPLAYED', 'QUOTA_EXCEEDED'];

/** Metadata as lines of `key: value`, of which a good token or signature is mutated; nobody gets in with another. */
function authenticator(): Target {
  const tenant = { ...ANONYMOUS, name: 'search-team' };
  const tokenSha256 = [createHash('sha256').update(TOKEN).digest('hex')];
  const directory = new TenantDirectory([{ tenant, tokenSha256, hmacSecret: new Secret(SECRET) }]);
  const timestamp = new Date(NOW).toISOString();
  const mac = createHmac('sha256', SECRET).update(`${timestamp}:`).update(BODY).digest('hex');
  const signature = `x-relay-tenant: search-team\nx-relay-timestamp: ${timestamp}\nx-relay-signature: ${mac}`;
  const bearer = `authorization: Bearer ${TOKEN}`;
  const isGood = (read: (key: string) => string | undefined): boolean =>
    /^bearer +relay_token-of-search-team$/i.test(read('authorization') ?? '') ||
    (read('x-relay-timestamp') === timestamp &&
      read('x-relay-signature') === mac &&
      read('x-relay-tenant') === tenant.name);
  return {
    name: 'the authenticator',
    weight: 30,
    corpus: [bearer, signature, `${bearer}\n${signature}`, ''].map((text) => Buffer.from(text)),
    take: (input) => {
      const metadata = new Map(
        input
          .toString('latin1')
          .split('\n')
          .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      const read = (key: string): string | undefined => metadata.get(key);
      const own = new Authenticator({ directory, now: () => NOW, signaturesPerTenant: 8 });
      const claim = { metadata: read, certificate: () => undefined };
      refusedAs(REFUSALS, () => own.screen(claim));
      const let_in = refusedAs(REFUSALS, () => own.authenticate({ ...claim, body: BODY }));
      must(let_in === undefined || isGood(read), 'somebody was let in who has proven nothing');
    },
  };
}

function certificates(): Target {
  const lists = [
    'URI:spiffe://acme.example/search-team, DNS:relay.example, IP Address:10.0.0.1',
    'DNS:"a\\"b, URI:spiffe://evil", DirName:"CN=x\\, URI:spiffe://acme.example/y"',
  ];
  return {
    name: 'the names of a certificate',
    weight: 10,
    corpus: lists.map((text) => Buffer.from(text)),
    take: (input) => {
      const names = namesOf({ subjectaltname: input.toString(), subject: { CN: 'cn' }, valid_from: '', valid_to: '' });
      must(names.length <= 2, 'a certificate names more than one tenant');
    },
  };
}

function timestamps(): Target {
  return {
    name: 'timestamps',
    weight: 10,
    corpus: ['2026-11-23T12:00:00Z', '2016-12-31T23:59:60.123456789+00:00'].map((text) => Buffer.from(text)),
    take: (input) => {
      const time = parseRfc3339(input.toString());
      must(time === undefined || Number.isFinite(time), 'a timestamp is no time');
    },
  };
}

/** As random as keys are: a word where a key of a mapping stands is taken for a misspelt setting, and shown. */
const CANARY = 'sk-ant-api03-9fQ2xT7-kW1zR8vB5nM3cL6';

function settings(folder: string): Target {
  const example = readFileSync(new URL('../../relay.example.yaml', import.meta.url), 'utf8');
  const path = join(folder, 'relay.yaml');
  const own = `tenants: [{ name: a, hmac_secret: ${CANARY} }]\naccounts: [{ name: b, api_key: ${CANARY}, regions: [{ name: us, base_url: "http://localhost" }] }]\n`;
  return {
    name: 'the settings',
    weight: 1,
    corpus: [example, own].map((text) => Buffer.from(text)),
    take: (input, random) => {
      writeFileSync(path, input);
      const env = {
        ANTHROPIC_API_KEY: CANARY,
        RELAY_LISTEN: oneOf(random, ['', '127.0.0.1:0', '::', 'x'.repeat(below(random, 300))]),
      };
      try {
        loadConfig({ path, env });
      } catch (thrown) {
        if (!(thrown instanceof ConfigError)) throw thrown;
        must(!thrown.message.includes(CANARY), 'a secret of the settings is in their problems');
      }
    },
  };
}

/** What the attempt gives; undefined where it refuses for one of the reasons. Throws whatever else it throws. */
function refusedAs<T>(reasons: readonly string[], attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (thrown) {
    if (thrown instanceof RelayError && reasons.includes(thrown.reason)) return undefined;
    throw thrown;
  }
}
