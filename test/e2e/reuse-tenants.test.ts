/** One tenant's calls and another's answers, through the whole relay. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Event, Fields } from './core-relay.ts';
import { as, ask, type CachedRelay, idOf, infoOf, startCached, tenant } from './reuse-relay.ts';

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
  ttl: fc.option(fc.constant({ seconds: 86_400 }), { nil: undefined }),
});

type Made = typeof call extends fc.Arbitrary<infer T> ? T : never;

function idOfEvents(events: readonly Event[]): string {
  const start: { message?: { id?: string } } =
    events.find(({ event }) => event === 'message_start')?.['message_start'] ?? {};
  return start.message?.id ?? '';
}

/** What the tenants got: the upstream's ids of their answers, and how many were no answer of their own request's. */
interface Seen {
  readonly ids: Readonly<Record<'mallory' | 'alice', Set<string>>>;
  reused: number;
}

/** Makes the calls at the same time. */
async function make(relay: CachedRelay, calls: readonly Made[], seen: Seen): Promise<void> {
  const made = calls.map(async ({ who, prompt, mode, streams, ttl }) => {
    const request: Fields = ask(prompt, { mode, ...(ttl && { ttl }) });
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
      const tenants = [tenant('mallory'), tenant('alice', { cache: { mode: 'similar' } })];
      await using relay = await startCached({ tenants, cache: { digest } });
      const seen: Seen = { ids: { mallory: new Set(), alice: new Set() }, reused: 0 };
      for (const calls of fc.sample(fc.array(call, { minLength: 4, maxLength: 12 }), { seed: 1, numRuns: 40 })) {
        await make(relay, calls, seen);
      }
      const { alice, mallory } = seen.ids;
      assert.ok(!alice.has('') && !mallory.has(''));
      assert.deepEqual(
        [...alice].filter((id) => mallory.has(id)),
        [],
      );
      assert.ok(seen.reused > 20, `answers were reused ${seen.reused} times`);
    });
  }

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
