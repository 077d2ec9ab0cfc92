import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FoundAnswer } from '../../src/cache/answer-cache.ts';
import type { Call } from '../../src/completion/call.ts';
import type { Service } from '../../src/completion/service.ts';
import { reuse, type ReuseOptions } from '../../src/layers/reuse.ts';
import { fakeCall, wholeReply } from './fakes.ts';

const USAGE = { output_tokens: 7 };

function answer(body: string): FoundAnswer {
  return { answer: { body, request: '', usage: USAGE, age: 0, memo: {} }, age: 40, ttl: 100, hits: 1 };
}

/** The layer over a cache that holds these answers by key, and the calls that went upstream. */
function reusing(answers: Record<string, FoundAnswer>, parts: Partial<ReuseOptions> = {}) {
  const upstream: Call[] = [];
  const next: Service = (call) => {
    upstream.push(call);
    return Promise.resolve(wholeReply('new'));
  };
  const layer = reuse({
    planOf: () => ({ mode: 'exact', ttlMs: undefined, minSimilarity: 0.9 }),
    cache: { find: (key) => answers[key], take: (key) => answers[key] },
    requestOf: () => '',
    fetch: undefined,
    similar: () => Promise.reject(new Error('nobody asked for similar answers')),
    refresh: () => undefined,
    ...parts,
  });
  const service = layer(next);
  return {
    upstream,
    ask: async (call = fakeCall({ digest: () => 'key' })) => {
      const reply = await service(call);
      const { cacheStatus, cacheAge, similarity } = call.trace;
      return { body: reply.kind === 'whole' && reply.body, cacheStatus, cacheAge, similarity, reply };
    },
  };
}

describe('reuse', () => {
  it('answers from the cache, with what the answer once used and where its encoded form is kept', async () => {
    const kept = answer('old');
    const told: FoundAnswer[] = [];
    const { upstream, ask } = reusing({ key: kept }, { refresh: (_call, _next, found) => told.push(found) });
    const { reply, ...seen } = await ask();
    assert.deepEqual(seen, { body: 'old', cacheStatus: 'HIT', cacheAge: 40, similarity: undefined });
    assert.deepEqual(await reply.settled, { outcome: 'delivered', usage: USAGE });
    assert.equal(reply.kind === 'whole' && reply.memo, kept.answer.memo);
    assert.deepEqual([upstream.length, told], [0, [kept]]);
  });

  it('asks upstream where the cache has no answer', async () => {
    const { upstream, ask } = reusing({});
    assert.equal((await ask()).cacheStatus, 'MISS');
    assert.equal(upstream.length, 1);
  });

  it('asks upstream for a refresh whatever the cache has', async () => {
    const { ask } = reusing(
      { key: answer('old') },
      { planOf: () => ({ mode: 'refresh', ttlMs: 1, minSimilarity: 1 }) },
    );
    const { body, cacheStatus } = await ask();
    assert.deepEqual([body, cacheStatus], ['new', 'MISS']);
  });

  it('looks nowhere, not even for a key, where the cache is to be left alone', async () => {
    const { ask } = reusing({}, { planOf: () => ({ mode: 'off', ttlMs: undefined, minSimilarity: 1 }) });
    const digest = (): string => assert.fail('the digest was asked for');
    assert.equal((await ask(fakeCall({ digest }))).cacheStatus, 'BYPASS');
    assert.equal((await ask(fakeCall({ digest, operation: 'models' }))).cacheStatus, 'UNSPECIFIED');
  });

  it('finds what it has fetched from the level that replicas share, and asks upstream where that has nothing', async () => {
    const answers: Record<string, FoundAnswer> = {};
    const fetched: string[] = [];
    const { ask } = reusing(answers, {
      async fetch(call) {
        fetched.push(call.digest());
        if (fetched.length > 1) answers[call.digest()] = answer('another replica’s');
      },
    });
    assert.equal((await ask()).cacheStatus, 'MISS');
    assert.deepEqual([(await ask()).body, (await ask()).cacheStatus], ['another replica’s', 'HIT']);
    assert.deepEqual(fetched, ['key', 'key']);
  });

  it('looks for similar requests last, and tells how similar', async () => {
    const { ask } = reusing(
      { like: answer('similar') },
      {
        planOf: () => ({ mode: 'similar', ttlMs: undefined, minSimilarity: 0.8 }),
        similar: async (_call, minSimilarity) => ({ key: 'like', score: minSimilarity + 0.1 }),
      },
    );
    const { reply: _, ...seen } = await ask();
    assert.deepEqual(seen, { body: 'similar', cacheStatus: 'SIMILAR', cacheAge: 40, similarity: 0.9 });
  });

  it('asks upstream where the answer to a similar request has left meanwhile', async () => {
    const { ask } = reusing(
      {},
      {
        planOf: () => ({ mode: 'similar', ttlMs: undefined, minSimilarity: 0.8 }),
        similar: async () => ({ key: 'gone', score: 1 }),
      },
    );
    const { cacheStatus, similarity } = await ask();
    assert.deepEqual([cacheStatus, similarity], ['MISS', undefined]);
  });
});
