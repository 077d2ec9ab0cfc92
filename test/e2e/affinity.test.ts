/** Calls that share what the upstream caches of their tools and system prompt, on their way to where it is cached. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ProtoObject } from '../../src/cli/relay-client.ts';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { account, all, ask, countBy, keyOf, type Outcome, startPooled, startRegion, statuses, until } from './relay.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const CALLS = 240;
const MARK = { cache_control: { type: 'ephemeral' } };

function block(text: string, parts: object = {}): object {
  return { text: { text, ...parts } };
}

/** A system prompt that is long enough for the upstream's cache, and marked for it. */
function system(name = 'the relay'): object[] {
  return [block(`You answer questions about ${name}. ${'Be brief, and be kind. '.repeat(200)}`, MARK)];
}

function served(outcomes: readonly Outcome[]): Readonly<Record<string, number>> {
  return countBy(outcomes, ({ relay }) => relay.account ?? '');
}

/** The account that served most, and how many. */
function busiest(outcomes: readonly Outcome[]): readonly [account: string, calls: number] {
  return Object.entries(served(outcomes)).reduce((most, next) => (next[1] > most[1] ? next : most), ['', 0]);
}

function messageOf({ answer }: Outcome): ProtoObject {
  return answer?.['message'] as ProtoObject;
}

describe('with four healthy organizations', () => {
  test('at least 99% of the calls with one marked system prompt go where it is cached', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us })) });
    const first = await relay.complete(ask({ system: system() }));
    const unary = await all(CALLS / 2, () => relay.complete(ask({ system: system() })));
    const streams = await all(CALLS / 2, () => relay.stream(ask({ system: system() })));
    const outcomes = [first, ...unary, ...streams];
    assert.deepEqual(statuses(outcomes), { OK: CALLS + 1 });
    assert.ok(busiest(outcomes)[1] >= 0.99 * outcomes.length, JSON.stringify(served(outcomes)));
    const read = unary.filter(
      (outcome) => Number((messageOf(outcome)['usage'] as ProtoObject)['cache_read_input_tokens']) > 0,
    );
    assert.ok(read.length >= 0.99 * unary.length, `${read.length} of ${unary.length} were read from the cache`);
  });

  test('the same holds of marked tools, whatever is not marked after them', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us })) });
    const schema = { text: JSON.stringify({ type: 'object', properties: { cache_control: { type: 'object' } } }) };
    const tools = ['search', 'open'].map((name, index) => ({
      custom: { name, input_schema: schema, ...(index === 1 && MARK) },
    }));
    const outcomes = await all(CALLS, (index) =>
      relay.complete(ask({ tools, system: [block(`It is ${index} o'clock.`)], tool_choice: { none: {} } })),
    );
    assert.deepEqual(statuses(outcomes), { OK: CALLS });
    assert.ok(busiest(outcomes)[1] >= 0.99 * CALLS, JSON.stringify(served(outcomes)));
  });

  test('different marked prompts spread over all, as do calls that mark none', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us })) });
    const marked = await all(80, (index) => relay.complete(ask({ system: system(`product ${index}`) })));
    const unmarked = await all(80, () => relay.complete(ask({ system: [block('Be brief.')] })));
    for (const outcomes of [marked, unmarked]) {
      assert.deepEqual(statuses(outcomes), { OK: 80 });
      assert.deepEqual(Object.keys(served(outcomes)).sort(), NAMES);
    }
  });
});

describe('when the home of a marked prompt is full', () => {
  test('calls beyond its limit go to the others, and return when it has room', async () => {
    await using us = await startRegion({ latency: parseLatency('300ms') });
    const limits = { concurrent_requests: 10 };
    await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us }, { limits })) });
    const send = (): Promise<Outcome> => relay.complete(ask({ system: system() }));
    const few = await all(10, send);
    const [home, calls] = busiest(few);
    assert.equal(calls, 10);

    const many = await all(40, send);
    assert.deepEqual(statuses(many), { OK: 40 });
    assert.deepEqual(Object.keys(served(many)).sort(), NAMES, JSON.stringify(served(many)));

    for (let round = 0; round < 3; round++) assert.deepEqual(served(await all(10, send)), { [home]: 10 });
  });

  test('by the upstream’s own word, the others take over until it has cooled down', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us })) });
    const send = (): Promise<Outcome> => relay.complete(ask({ system: system() }));
    const [home] = busiest([await send()]);

    us.setFaults(parseFaults(`429:keys=${keyOf(home)},nth=1,retry-after=3`));
    const spilled = [await send(), ...(await all(30, send))];
    assert.deepEqual(statuses(spilled), { OK: 31 });
    assert.equal(served(spilled)[home], undefined);
    assert.ok(Object.keys(served(spilled)).length > 1, JSON.stringify(served(spilled)));

    await until(relay.health, ({ model_classes }) => model_classes.every((state) => state.cooling_for_ms === 0));
    assert.deepEqual(served(await all(30, send)), { [home]: 30 });
  });
});

test('signed thinking stays where it was made, whatever its conversation marks from turn to turn', async () => {
  await using us = await startRegion();
  await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us })) });
  const systems = [undefined, system('turn one'), system('turn one'), system('turn three'), undefined];
  const conversation = async (name: string): Promise<void> => {
    const messages: object[] = [];
    const homes = new Set<string>();
    for (const [turn, marked] of systems.entries()) {
      messages.push({ role: 'user', content: [block(`${name}, turn ${turn}`)] });
      const outcome = await relay.complete({
        ...ask({ max_tokens: 2_000, thinking: { adaptive: {} } }),
        messages,
        ...(marked !== undefined && { system: marked }),
      });
      assert.deepEqual(statuses([outcome]), { OK: 1 }, outcome.message);
      homes.add(outcome.relay.account ?? '');
      messages.push({ role: 'assistant', content: messageOf(outcome)['content'] });
    }
    assert.ok(JSON.stringify(messages).includes('"signature"'));
    assert.equal(homes.size, 1);
  };
  await all(12, (index) => conversation(`conversation ${index}`));
});
