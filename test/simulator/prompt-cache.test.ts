import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLatency } from '../../src/simulator/latency.ts';
import { parseLimits } from '../../src/simulator/limits/rules.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { HELLO, post, start } from './client.ts';
import { ManualClock } from './manual-clock.ts';

const MINUTE = 60_000;
const EPHEMERAL = { type: 'ephemeral' } as const;

/** About 2,500 tokens, which every model here caches. */
const LONG = 'A long and stable prompt. '.repeat(400);

function system(text: string, control: object | undefined = EPHEMERAL): object {
  return { type: 'text', text, ...(control && { cache_control: control }) };
}

interface Usage {
  readonly input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation: { readonly ephemeral_5m_input_tokens: number; readonly ephemeral_1h_input_tokens: number };
}

async function usageOf(simulator: Simulator, body: object, headers: Record<string, string> = {}): Promise<Usage> {
  const answer = await post(simulator, { ...HELLO, ...body }, headers);
  assert.equal(answer.status, 200, answer.text);
  return answer.json()['usage'] as Usage;
}

function total(usage: Usage): number {
  return usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens;
}

test('a prefix is written once, then read for five minutes after its last use', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock });
  const body = { system: [system(LONG)] };
  const first = await usageOf(simulator, body);
  assert(first.cache_creation_input_tokens > 2_000);
  assert.equal(first.cache_creation.ephemeral_5m_input_tokens, first.cache_creation_input_tokens);
  assert.equal(first.cache_read_input_tokens, 0);

  const second = await usageOf(simulator, { ...body, messages: [{ role: 'user', content: 'Something else' }] });
  assert.equal(second.cache_read_input_tokens, first.cache_creation_input_tokens);
  assert.equal(second.cache_creation_input_tokens, 0);

  for (const wait of [4 * MINUTE, 4 * MINUTE]) {
    clock.advance(wait);
    assert((await usageOf(simulator, body)).cache_read_input_tokens > 0, 'renewed by use');
  }
  clock.advance(5 * MINUTE);
  const late = await usageOf(simulator, body);
  assert.equal(late.cache_read_input_tokens, 0);
  assert.equal(total(late), total(first), 'the same prompt, however it is accounted for');
});

test('an hour is an hour, and comes before five minutes', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock });
  const hour = system(LONG, { type: 'ephemeral', ttl: '1h' });
  const body = { system: [hour, system('And more.')] };
  const first = await usageOf(simulator, body);
  assert(first.cache_creation.ephemeral_1h_input_tokens > 2_000);
  assert(first.cache_creation.ephemeral_5m_input_tokens > 0);
  clock.advance(30 * MINUTE);
  const later = await usageOf(simulator, body);
  assert.equal(later.cache_read_input_tokens, first.cache_creation.ephemeral_1h_input_tokens);
  assert.equal(later.cache_creation_input_tokens, first.cache_creation.ephemeral_5m_input_tokens);
  const wrong = await post(simulator, { ...HELLO, system: [system('x'), hour] });
  assert.match(wrong.error().message, /a ttl='1h' cache_control block must not come after a ttl='5m'/);
});

test('a conversation that grows reads what it wrote before', async () => {
  await using simulator = await start();
  const turns = [{ role: 'user', content: LONG }];
  let known = 0;
  for (let turn = 0; turn < 4; turn++) {
    const usage = await usageOf(simulator, { cache_control: EPHEMERAL, messages: turns });
    assert.equal(usage.cache_read_input_tokens, known);
    known = total(usage);
    assert.equal(usage.input_tokens, 0);
    turns.push({ role: 'assistant', content: `Answer ${turn}` }, { role: 'user', content: `Question ${turn}` });
  }
});

test('organizations, models and changed prefixes share nothing', async () => {
  const apiKeys = [{ key: 'a1', organization: 'a' }, { key: 'a2', organization: 'a' }, { key: 'b' }];
  await using simulator = await start({ apiKeys });
  const body = { system: [system(LONG)] };
  const reads = async (key: string, changes: object = {}): Promise<boolean> =>
    (await usageOf(simulator, { ...body, ...changes }, { 'x-api-key': key })).cache_read_input_tokens > 0;
  assert.equal(await reads('a1'), false);
  assert.equal(await reads('a2'), true);
  assert.equal(await reads('b'), false);
  assert.equal(await reads('a1', { model: 'claude-haiku-5-5' }), false);
  assert.equal(await reads('a1', { system: [system(`${LONG}!`)] }), false);
  assert.equal(await reads('a1', { tools: [{ name: 't', input_schema: { type: 'object' } }] }), false);
  assert.equal(await reads('a1', { thinking: { type: 'adaptive' } }), true, 'the system prompt comes before it');
});

test('short prompts are not cached, and more than four breakpoints are refused', async () => {
  await using simulator = await start();
  const short = await usageOf(simulator, { system: [system('Be terse.')] });
  assert.equal(short.cache_creation_input_tokens, 0);
  const five = await post(simulator, { ...HELLO, system: [1, 2, 3, 4, 5].map((number) => system(String(number))) });
  assert.equal(five.error().message, 'A maximum of 4 blocks with cache_control may be provided. Found 5.');
  const differing = { cache_control: { type: 'ephemeral', ttl: '1h' } };
  const last = { role: 'user', content: [system('x')] };
  const wrong = await post(simulator, { ...HELLO, ...differing, messages: [last] });
  assert.equal(wrong.error().message, 'cache_control: ttl differs from that of the last block');
});

test('a prefix can be read only once the first answer has begun', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, latency: parseLatency('1s') });
  const body = { system: [system(LONG)] };
  const both = [usageOf(simulator, body), usageOf(simulator, body)];
  await clock.waitingFor(2);
  clock.advance(1_000);
  for (const usage of await Promise.all(both)) assert(usage.cache_creation_input_tokens > 0);
});

test('cache reads do not count against the input limit', async () => {
  await using simulator = await start({ clock: new ManualClock(), limits: parseLimits('itpm=3k') });
  const body = { system: [system(LONG)] };
  await usageOf(simulator, body);
  await usageOf(simulator, body);
  const uncached = await post(simulator, { ...HELLO, system: LONG });
  assert.equal(uncached.status, 429);
});
