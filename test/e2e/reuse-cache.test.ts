/** Answers given again, as callers of the whole relay see it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import Anthropic from '@anthropic-ai/sdk';
import { status } from '@grpc/grpc-js';
import { priceOf } from '../../src/completion/price.ts';
import { readUsage } from '../../src/completion/usage.ts';
import { canonical } from '../completion/lossless.ts';
import { eventOf, jsonOf } from './core-json.ts';
import type { Event, Fields } from './core-relay.ts';
import { as, ask, type CachedRelay, idOf, infoOf, startCached, tenant } from './reuse-relay.ts';

const STATUS = { miss: 'CACHE_STATUS_MISS', hit: 'CACHE_STATUS_HIT', similar: 'CACHE_STATUS_SIMILAR' } as const;

let relay: CachedRelay;
let prompts = 0;

before(async () => {
  const tenants = [
    tenant('plain'),
    tenant('other'),
    tenant('typist', { cache: { mode: 'similar', min_similarity: 0.8 } }),
    tenant('hasty', { cache: { ttl: '1s' } }),
    tenant('none', { cache: { mode: 'off' } }),
    tenant('strict', { cache: { mode: 'similar', min_similarity: 0.999 } }),
  ];
  relay = await startCached({ tenants });
});
after(() => relay[Symbol.asyncDispose]());

/** A question that was never asked before. */
function newText(): string {
  return `What is the ${++prompts}th prime number?`;
}

async function complete(request: Fields, who = 'plain'): Promise<Fields> {
  const { answer, error } = await relay.client.ask('Complete', request, as(who));
  assert.equal(error, undefined, error?.message);
  assert.ok(answer);
  return answer;
}

async function stream(request: Fields, who = 'plain'): Promise<Event[]> {
  const { events, error } = await relay.client.readStream(request, as(who));
  assert.equal(error, undefined, error?.message);
  return events;
}

function statusOf(answer: Fields | undefined): string | undefined {
  return infoOf(answer).cache_status;
}

/** The message that the official SDK makes of the events, as JSON. */
async function bySdk(events: readonly Event[]): Promise<string> {
  const text = events
    .map(eventOf)
    .map(({ type, data }) => `event: ${type}\ndata: ${data}\n\n`)
    .join('');
  const client = new Anthropic({
    apiKey: 'test',
    maxRetries: 0,
    fetch: async () => new Response(text, { headers: { 'content-type': 'text/event-stream' } }),
  });
  const request = { model: 'm', max_tokens: 1, messages: [{ role: 'user' as const, content: 'x' }] };
  return canonical(JSON.stringify(await client.messages.stream(request).finalMessage()));
}

describe('a cached answer', () => {
  it('is the same message, costs nothing, and tells its age', async () => {
    const request = ask(newText());
    const [first, second] = [await complete(request), await complete(request)];
    assert.deepEqual([statusOf(first), statusOf(second)], [STATUS.miss, STATUS.hit]);
    assert.deepEqual(second['message'], first['message']);
    const { cost_usd, cache_age, attempts } = infoOf(second);
    assert.deepEqual([cost_usd, attempts], [undefined, undefined]);
    assert.ok(cache_age !== undefined && infoOf(first).cache_age === undefined);
  });

  it('says what its own request cost, also at the end of a stream', async () => {
    const answer = await complete(ask(newText()));
    const message: { usage: unknown } = JSON.parse(jsonOf('Message', answer['message'] as Fields));
    const price = priceOf('claude-opus-5-5', readUsage(message.usage), { at: Date.now() });
    assert.ok(price !== undefined && price > 0);
    assert.equal(infoOf(answer).cost_usd, price);
    const request = ask(newText());
    const events = await stream(request);
    assert.equal(infoOf(events[0]).cost_usd, undefined);
    assert.ok((infoOf(events.at(-1)).cost_usd ?? 0) > 0);
    assert.equal(infoOf((await stream(request)).at(-1)).cost_usd, undefined);
  });

  it('serves streams too, as events of which the official SDK makes the same message', async () => {
    const tools = [
      { custom: { name: 'lookup', input_schema: { text: '{"type":"object","properties":{"q":{"type":"string"}}}' } } },
    ];
    for (const more of [{}, { model: 'claude-haiku-4-5', tools, tool_choice: { any: {} } }]) {
      const request = ask(newText(), undefined, more);
      const answer = await complete(request);
      const events = await stream(request);
      assert.deepEqual([statusOf(events[0]), statusOf(events.at(-1))], [STATUS.hit, STATUS.hit]);
      const message = canonical(jsonOf('Message', answer['message'] as Fields));
      assert.equal(await bySdk(events), message);
      assert.deepEqual(events.at(-1)?.event, 'message_stop');
    }
  });

  it('that came as a stream serves unary calls', async () => {
    const request = ask(newText());
    const events = await stream(request);
    const answer = await complete(request);
    assert.equal(statusOf(answer), STATUS.hit);
    assert.equal(canonical(jsonOf('Message', answer['message'] as Fields)), await bySdk(events));
  });

  it('is found by the same meaning, however a client spells it on the wire', async () => {
    const schema = (value: object) => ({ custom: { name: 'f', input_schema: { value } } });
    const text = newText();
    const first = { fields: { type: { stringValue: 'object' }, title: { stringValue: 't' } } };
    const second = { fields: { title: { stringValue: 't' }, type: { stringValue: 'object' } } };
    const one = ask(text, undefined, { tools: [schema({ structValue: first })], temperature: 1 });
    const other = { ...ask(text), temperature: 1, tools: [schema({ structValue: second })] };
    assert.equal(statusOf(await complete(one)), STATUS.miss);
    assert.equal(statusOf(await complete(other)), STATUS.hit);
  });

  it('belongs to its tenant', async () => {
    const request = ask(newText());
    const mine = await complete(request);
    const theirs = await complete(request, 'other');
    assert.equal(statusOf(theirs), STATUS.miss);
    assert.notEqual(idOf(theirs), idOf(mine));
  });

  it('is replaced by a refresh, and left alone by calls that do not use the cache', async () => {
    const text = newText();
    const first = await complete(ask(text));
    const bypass = await complete(ask(text, { mode: 'CACHE_MODE_OFF' }));
    assert.equal(statusOf(bypass), 'CACHE_STATUS_BYPASS');
    assert.equal(idOf(await complete(ask(text))), idOf(first));
    const refreshed = await complete(ask(text, { mode: 'CACHE_MODE_REFRESH' }));
    assert.equal(statusOf(refreshed), STATUS.miss);
    assert.notEqual(idOf(refreshed), idOf(first));
    const found = await complete(ask(text, { mode: 'CACHE_MODE_EXACT' }));
    assert.deepEqual([statusOf(found), idOf(found)], [STATUS.hit, idOf(refreshed)]);
  });

  it('lives as long as its call asked for', async () => {
    const text = newText();
    const first = await complete(ask(text, { ttl: { nanos: 50_000_000 } }));
    let answer = await complete(ask(text));
    while (idOf(answer) === idOf(first)) answer = await complete(ask(text));
    assert.equal(idOf(await complete(ask(text))), idOf(answer), 'the next one lives as long as the operator has it');
  });

  it('is not made of errors, cut answers, tools that run upstream, or by tenants that want none', async () => {
    const failing = ask(newText(), undefined, { max_tokens: 10_000_000 });
    for (const expected of [relay.asked() + 1, relay.asked() + 2]) {
      const { error } = await relay.client.ask('Complete', failing, as('plain'));
      assert.deepEqual([error?.code, relay.asked()], [status.INVALID_ARGUMENT, expected]);
    }
    const searching = { tools: [{ anthropic: { type: 'web_search_20250305', name: 'web_search' } }] };
    const cases: readonly (readonly [Fields, string, string])[] = [
      [ask(newText(), undefined, { max_tokens: 3 }), 'plain', STATUS.miss],
      [ask(newText(), undefined, searching), 'plain', 'CACHE_STATUS_BYPASS'],
      [ask(newText()), 'none', 'CACHE_STATUS_BYPASS'],
    ];
    for (const [request, who, expected] of cases) {
      await complete(request, who);
      assert.equal(statusOf(await complete(request, who)), expected);
      await stream(request, who);
      assert.equal(statusOf((await stream(request, who))[0]), expected);
    }
  });

  it('shows in the metrics, with what it saved', async () => {
    const metrics = () =>
      Promise.all([
        relay.metric('claude_relay_cache_requests_total', { result: 'hit' }),
        relay.metric('claude_relay_saved_usd_total', { tenant: 'other' }),
        relay.metric('claude_relay_cost_usd_total', { tenant: 'other' }),
      ]);
    const request = ask(newText());
    const cost = infoOf(await complete(request, 'other')).cost_usd ?? 0;
    const earlier = await metrics();
    await complete(request, 'other');
    await stream(request, 'other');
    const later = await metrics();
    assert.equal(later[0] - earlier[0], 2);
    assert.ok(Math.abs(later[1] - earlier[1] - 2 * cost) < 1e-9);
    assert.equal(later[2], earlier[2]);
    assert.ok((await relay.metric('claude_relay_cache_entries')) > 0);
    assert.ok((await relay.metric('claude_relay_cache_bytes')) > 0);
  });
});

describe('a policy that makes no sense', () => {
  const policies: readonly (readonly [field: string, policy: object])[] = [
    ['relay.cache.ttl', { ttl: { seconds: 0 } }],
    ['relay.cache.ttl', { ttl: { seconds: -1 } }],
    ['relay.cache.min_similarity', { min_similarity: 0.49 }],
    ['relay.cache.min_similarity', { min_similarity: 1.01 }],
    ['relay.cache.min_similarity', { min_similarity: -0.9 }],
    ['relay.cache.min_similarity', { min_similarity: Number.NaN }],
  ];
  for (const [field, policy] of policies) {
    it(`is refused: ${inspect(policy)}`, async () => {
      const before = relay.asked();
      const { error } = await relay.client.ask('Complete', ask(newText(), policy), as('plain'));
      assert.equal(error?.code, status.INVALID_ARGUMENT);
      assert.ok(error.details.includes(field), error.details);
      assert.equal(relay.asked(), before);
    });
  }
});

describe('a similar request', () => {
  const similar = { mode: 'CACHE_MODE_SIMILAR' };

  it('is answered where its call asks for that, and told how similar it is', async () => {
    const first = await complete(ask('What is the capital of France?', similar));
    const polite = await complete(ask('  what is the capital of france', similar));
    assert.deepEqual([statusOf(polite), idOf(polite), infoOf(polite).similarity], [STATUS.similar, idOf(first), 1]);
    const mistyped = await complete(ask('What is the captial of France?', similar));
    assert.deepEqual([statusOf(mistyped), idOf(mistyped)], [STATUS.similar, idOf(first)]);
    assert.ok((infoOf(mistyped).similarity ?? 1) < 1);
    assert.equal(statusOf(await complete(ask('What is the captial of France?'))), STATUS.miss);
    assert.equal(statusOf((await stream(ask('what is the capital of france?', similar)))[0]), STATUS.similar);
  });

  it('is answered by what ordinary calls of the tenant left since it first asked so', async () => {
    await complete(ask('How high is Mont Blanc?'), 'other');
    assert.equal(statusOf(await complete(ask('how high is mont blanc', similar), 'other')), STATUS.miss);
    const plain = await complete(ask('How deep is Lake Baikal?'), 'other');
    const found = await complete(ask('how deep is lake baikal', similar), 'other');
    assert.deepEqual([statusOf(found), idOf(found)], [STATUS.similar, idOf(plain)]);
  });

  it('is answered where its tenant asks for that', async () => {
    await complete(ask('How long is the Nile?'), 'typist');
    assert.equal(statusOf(await complete(ask('how long is the nile'), 'typist')), STATUS.similar);
  });

  it('may differ in the last user turn alone, and not in its meaning', async () => {
    const turns = (first: string, last: string) => ({
      ...ask('', similar),
      messages: [
        { role: 'user', content: [{ text: { text: first } }] },
        { role: 'assistant', content: [{ text: { text: 'Yes?' } }] },
        { role: 'user', content: [{ text: { text: last } }] },
      ],
    });
    await complete(turns('Hello there.', 'How high is Mount Everest?'));
    assert.equal(statusOf(await complete(turns('Hello there.', 'how high is mount everest'))), STATUS.similar);
    assert.equal(statusOf(await complete(turns('hello there', 'how high is mount everest'))), STATUS.miss);
    assert.equal(statusOf(await complete(turns('Hello there.', 'How high is Mount Elbrus?'))), STATUS.miss);
    const system = { system: [{ text: { text: 'Be brief.' } }] };
    const other = { ...turns('Hello there.', 'how high is mount everest?'), ...system };
    assert.equal(statusOf(await complete(other)), STATUS.miss);
    assert.equal(statusOf(await complete(turns('Hello there.', 'how high is mount everest'), 'other')), STATUS.miss);
  });

  it('must be as similar as its call says', async () => {
    await complete(ask('Please summarise the history of Rome', similar));
    const strict = ask('Please summarise the histroy of Rome', { ...similar, min_similarity: 0.999 });
    assert.equal(statusOf(await complete(strict)), STATUS.miss);
  });

  it('must be as similar as its tenant says, where its call says nothing', async () => {
    await complete(ask('Please summarise the history of Athens'), 'strict');
    const mistyped = 'Please summarise the histroy of Athens';
    const lenient = ask(mistyped, { ...similar, min_similarity: 0.5 });
    assert.equal(statusOf(await complete(lenient, 'strict')), STATUS.similar);
    assert.equal(statusOf(await complete(ask(mistyped), 'strict')), STATUS.miss);
  });
});
