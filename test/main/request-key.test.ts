import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadSync } from '@grpc/proto-loader';
import fc from 'fast-check';
import { DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import { DEFAULT_ROUTING } from '../../src/completion/routing.ts';
import { requestKey } from '../../src/main/request-key.ts';
import { createCodec } from '../../src/server/codec/codec.ts';
import { PROTO_ROOT } from '../../src/server/proto-root.ts';
import type { DecodedRequest } from '../../src/server/relay-service.ts';

const keyOf = requestKey({ digest: 'sha256', scope: 'tenant', regionOf: (_, asked) => asked });

function decoded(more: Partial<DecodedRequest> = {}): DecodedRequest {
  return {
    body: '{"model":"m","messages":[]}',
    model: 'm',
    maxTokens: 16,
    options: { betas: [], apiVersion: '2023-06-01' },
    routing: DEFAULT_ROUTING,
    cache: DEFAULT_CACHE_POLICY,
    selfContained: true,
    ...more,
  };
}

describe('the key of a request', () => {
  it('is a SHA-256 in hex, or an MD5 where that is asked for', () => {
    const md5 = requestKey({ digest: 'md5', scope: 'tenant', regionOf: (_, asked) => asked });
    assert.match(keyOf(decoded(), 'messages', 'a'), /^[0-9a-f]{64}$/);
    assert.match(md5(decoded(), 'messages', 'a'), /^[0-9a-f]{32}$/);
  });

  it('differs with all that belongs to the question', () => {
    const options = (more: object) => ({ options: { betas: [], apiVersion: '2023-06-01', ...more } });
    const keys = [
      keyOf(decoded(), 'messages', 'a'),
      keyOf(decoded(), 'messages', 'b'),
      keyOf(decoded(), 'count_tokens', 'a'),
      keyOf(decoded({ body: '{"model":"m","messages":[{}]}' }), 'messages', 'a'),
      keyOf(decoded(options({ apiVersion: '2026-10-21' })), 'messages', 'a'),
      keyOf(decoded(options({ betas: ['x'] })), 'messages', 'a'),
      keyOf(decoded(options({ betas: ['x', 'y'] })), 'messages', 'a'),
      keyOf(decoded({ routing: { ...DEFAULT_ROUTING, region: 'eu' } }), 'messages', 'a'),
    ];
    assert.equal(new Set(keys).size, keys.length);
  });

  it('does not differ with how a call is to be treated, or with the order of beta features', () => {
    const one = decoded({ options: { betas: ['x', 'y'], apiVersion: '2023-06-01' } });
    const other = decoded({
      options: { betas: ['y', 'x', 'y'], apiVersion: '2023-06-01' },
      routing: { ...DEFAULT_ROUTING, priority: 'background', affinityKey: 'k', tenantWeight: 7 },
      cache: { mode: 'similar', ttlMs: 5, minSimilarity: 0.7 },
    });
    assert.equal(keyOf(one, 'messages', 'a'), keyOf(other, 'messages', 'a'));
  });

  it('is that of all tenants where answers are shared, of the same region only', () => {
    const regions: Readonly<Record<string, string>> = { berlin: 'eu', paris: 'eu' };
    const shared = requestKey({
      digest: 'sha256',
      scope: 'shared',
      regionOf: (tenant, asked) => regions[tenant] ?? asked,
    });
    assert.equal(shared(decoded(), 'messages', 'berlin'), shared(decoded(), 'messages', 'paris'));
    assert.notEqual(shared(decoded(), 'messages', 'berlin'), shared(decoded(), 'messages', 'austin'));
  });

  it('cannot be made to meet that of another question by what is written into its parts', () => {
    const text = fc.string({ maxLength: 12, unit: fc.constantFrom('"', ',', '[', ']', '\\', 'a', '{') });
    const part = fc.tuple(text, text, text, fc.array(text, { maxLength: 3 }), text);
    fc.assert(
      fc.property(part, part, (one, other) => {
        const [first, second] = [one, other].map(([tenant, body, apiVersion, betas, region]) => ({
          key: keyOf(
            decoded({ body: `{${body}`, options: { apiVersion, betas }, routing: { ...DEFAULT_ROUTING, region } }),
            'messages',
            tenant,
          ),
          question: JSON.stringify([tenant, body, apiVersion, [...new Set(betas)].sort(), region]),
        }));
        assert.equal(first?.key === second?.key, first?.question === second?.question);
      }),
    );
  });
});

/** Fields of a request as they lie on the wire, each with its tag and length. */
function* fieldsOf(wire: Buffer): Generator<Buffer> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wire.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < wire.length) {
    const start = at;
    const kind = varint() & 7;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else {
      const length = varint();
      at += length;
    }
    yield wire.subarray(start, at);
  }
}

describe('requests of the same meaning', () => {
  const definition = loadSync('claude/relay/v1/relay_service.proto', { includeDirs: [PROTO_ROOT], keepCase: true });
  const type = definition['claude.relay.v1.CompleteRequest'];
  const codec = createCodec();
  const digestOf = (wire: Buffer): string => keyOf(codec.decodeRequest('messages', wire), 'messages', 'a');

  function serialized(request: object): Buffer {
    assert.ok(type !== undefined && 'serialize' in type && typeof type.serialize === 'function');
    return type.serialize(request);
  }

  const { object } = fc.letrec<{ value: object; object: object }>((tie) => ({
    object: fc
      .dictionary(fc.string({ maxLength: 4 }), tie('value'), { maxKeys: 4 })
      .map((fields) => ({ structValue: { fields } })),
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string({ maxLength: 5 }).map((stringValue) => ({ stringValue })),
      fc.integer({ min: -100, max: 100 }).map((numberValue) => ({ numberValue })),
      fc.boolean().map((boolValue) => ({ boolValue })),
      tie('object'),
      fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ listValue: { values } })),
    ),
  }));

  /** The same value with the entries of every map the other way round: their order means nothing. */
  function turned(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(turned);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, turned(inner)]);
    return Object.fromEntries(entries.toReversed());
  }

  const request = fc.record({
    model: fc.constantFrom('claude-opus-5-5', 'claude-haiku-4-5'),
    max_tokens: fc.integer({ min: 1, max: 4096 }),
    temperature: fc.option(fc.constantFrom(0, 0.5, 1), { nil: undefined }),
    messages: fc.array(
      fc.record({
        role: fc.constant('user'),
        content: fc.array(fc.record({ text: fc.record({ text: fc.string() }) }), { minLength: 1, maxLength: 3 }),
      }),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    tools: fc.array(
      fc.record({
        custom: fc.record({ name: fc.string({ minLength: 1 }), input_schema: fc.record({ value: object }) }),
      }),
      { maxLength: 2 },
    ),
  });

  it('have one key, in whatever order a client puts fields and the entries of maps', () => {
    fc.assert(
      fc.property(request, fc.infiniteStream(fc.nat()), (asked, order) => {
        const wire = serialized(asked);
        // Repeated fields keep their order among themselves, which has a meaning.
        const fields = [...fieldsOf(wire)];
        const groups = Map.groupBy(fields, (field) => field[0]);
        const shuffled = [...groups.values()]
          .map((group) => ({ group, rank: order.next().value ?? 0 }))
          .sort((one, other) => one.rank - other.rank)
          .flatMap(({ group }) => group);
        const digest = digestOf(wire);
        assert.equal(digestOf(Buffer.concat(shuffled)), digest);
        assert.equal(digestOf(serialized(turned(asked) as object)), digest);
      }),
    );
  });

  it('have another key than requests of another meaning', () => {
    fc.assert(
      fc.property(request, request, (one, other) => {
        const [first, second] = [
          codec.decodeRequest('messages', serialized(one)),
          codec.decodeRequest('messages', serialized(other)),
        ];
        assert.equal(keyOf(first, 'messages', 'a') === keyOf(second, 'messages', 'a'), first.body === second.body);
      }),
    );
  });
});
