/** One tenant's calls and another's answers, through the whole relay. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RedisServer } from '../redis/redis-server.ts';
import type { Event, Fields } from './core-relay.ts';
import { as, ask, type CachedRelay, idOf, infoOf, startCached, startUpstream, tenant } from './reuse-relay.ts';

const PROMPTS = ['What is the capital of France?', 'what is the capital of france', 'Name a bird.', 'name a bird'];
const MODES = [
  'CACHE_MODE_UNSPECIFIED',
  'CACHE_MODE_OFF',
  'CACHE_MODE_EXACT',
  'CACHE_MODE_SIMILAR',
  'CACHE_MODE_REFRESH',
];

const call = fc.record({
  who: fc.constantFrom('mallory' as const, 'alice' as const),
  prompt: fc.constantFrom(...PROMPTS),
  mode: fc.constantFrom(...MODES),
  streams: fc.boolean(),
  ttl: fc.option(fc.constantFrom({ seconds: 86_400 }, { nanos: 20_000_000 }), { nil: undefined }),
  minSimilarity: fc.option(fc.constantFrom(0.5, 1), { nil: undefined }),
  replica: fc.nat(1),
});

type Made = typeof call extends fc.Arbitrary<infer T> ? T : never;

function idOfEvents(events: readonly Event[]): string {
  const start: { message?: { id?: string } } =
    events.find(({ event }) => event === 'message_start')?.['message_start'] ?? {};
  return start.message?.id ?? '';
}

const TENANTS = [tenant('mallory'), tenant('alice', { cache: { mode: 'similar' } })];

/** Makes any calls of two tenants, some at a time, and holds what each got against what the other got. */
async function neverShared(replicas: readonly CachedRelay[]): Promise<void> {
  const seen: Seen = { ids: { mallory: new Set(), alice: new Set() }, reused: 0 };
  for (const calls of fc.sample(fc.array(call, { minLength: 4, maxLength: 12 }), { seed: 1, numRuns: 40 })) {
    await make(replicas, calls, seen);
  }
  const { alice, mallory } = seen.ids;
  assert.ok(!alice.has('') && !mallory.has(''));
  assert.deepEqual(
    [...alice].filter((id) => mallory.has(id)),
    [],
  );
  assert.ok(seen.reused > 20, `answers were reused ${seen.reused} times`);
}

/** What the tenants got: the upstream's ids of their answers, and how many were no answer of their own request's. */
interface Seen {
  readonly ids: Readonly<Record<'mallory' | 'alice', Set<string>>>;
  reused: number;
}

/** Makes the calls at the same time, each at one of the replicas. */
async function make(replicas: readonly CachedRelay[], calls: readonly Made[], seen: Seen): Promise<void> {
  const made = calls.map(async ({ who, prompt, mode, streams, ttl, minSimilarity, replica }) => {
    const relay = replicas[replica % replicas.length] ?? assert.fail('no replica');
    const request: Fields = ask(prompt, { mode, ttl, min_similarity: minSimilarity });
    const answer = streams
      ? (await relay.client.readStream(request, as(who))).events
      : (await relay.client.ask('Complete', request, as(who))).answer;
    const [first, id] = Array.isArray(answer) ? [answer[0], idOfEvents(answer)] : [answer, idOf(answer)];
    if (/HIT|SIMILAR|COALESCED/.test(infoOf(first).cache_status ?? '')) seen.reused += 1;
    seen.ids[who].add(id);
  });
  await Promise.all(made);
}

describe('what one tenant asks', () => {
  for (const digest of ['sha256', 'md5']) {
    it(`never becomes another one's answer (${digest})`, async () => {
      await using relay = await startCached({ tenants: TENANTS, cache: { digest } });
      await neverShared([relay]);
    });
  }

  it('never becomes another one’s answer, through replicas that share answers in Redis', async () => {
    const server = await RedisServer.start();
    try {
      await using upstream = await startUpstream();
      const settings = { tenants: TENANTS, redis: { url: server.url.reveal() } };
      await using one = await startCached(settings, upstream);
      await using other = await startCached(settings, upstream);
      await neverShared([one, other]);
      assert.ok((await one.metric('claude_relay_cache_shared_hits_total')) > 0);
    } finally {
      await server.kill();
    }
  });

  it('may become another one’s where the operator shares answers', async () => {
    const tenants = [tenant('one'), tenant('other')];
    await using relay = await startCached({ tenants, cache: { scope: 'shared' } });
    const ids = [];
    for (const who of ['one', 'other']) {
      const { answer } = await relay.client.ask('Complete', ask('Name a bird.'), as(who));
      ids.push(idOf(answer));
    }
    assert.equal(ids[0], ids[1]);
    assert.equal(relay.asked(), 1);
  });
});
