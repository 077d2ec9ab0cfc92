/** Where calls go, and when: affinity, pinned regions, urgency. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { account, all, ask, countBy, type Outcome, startPooled, startRegion, statuses, until } from './relay.ts';

const NAMES = ['a', 'b', 'c', 'd'];

function served(outcomes: readonly Outcome[]): Readonly<Record<string, number>> {
  return countBy(outcomes, ({ relay }) => relay.account ?? '');
}

/** The greatest share that one account has of the calls. */
function greatestShare(outcomes: readonly Outcome[]): number {
  return Math.max(...Object.values(served(outcomes))) / outcomes.length;
}

function cacheReads(outcomes: readonly Outcome[]): number {
  return outcomes.filter(({ answer }) => {
    const message = answer?.['message'] as
      | { readonly usage?: { readonly cache_read_input_tokens?: number } }
      | undefined;
    return (message?.usage?.cache_read_input_tokens ?? 0) > 0;
  }).length;
}

const CACHED = { cache_control: { type: 'ephemeral' } };

describe('with four healthy organizations', () => {
  test('at least 99% of the questions about one document go where it is cached', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us })) });
    const document = { text: { text: 'All work and no play makes Jack a dull boy. '.repeat(200), ...CACHED } };
    const question = (index: number): object => ({
      ...ask(),
      messages: [{ role: 'user', content: [document, { text: { text: `question ${index}` } }] }],
    });
    const first = await relay.complete(question(0));
    const outcomes = await all(150, (index) => relay.complete(question(index + 1)));
    assert.deepEqual(statuses([first, ...outcomes]), { OK: 151 });
    assert.ok(greatestShare([first, ...outcomes]) >= 0.99, JSON.stringify(served(outcomes)));
    assert.ok(cacheReads(outcomes) >= 0.99 * 150, `${cacheReads(outcomes)} of 150 were read from the cache`);
  });

  test('the turns of one conversation stay together, and conversations spread over all', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us })) });
    const homes: string[] = [];
    for (let conversation = 0; conversation < 40; conversation++) {
      const messages: object[] = [{ role: 'user', content: [{ text: { text: `conversation ${conversation}` } }] }];
      const turns: Outcome[] = [];
      for (let turn = 0; turn < 4; turn++) {
        turns.push(await relay.complete({ ...ask(), messages }));
        messages.push(
          { role: 'assistant', content: [{ text: { text: 'Yes.' } }] },
          { role: 'user', content: [{ text: { text: `turn ${turn}` } }] },
        );
      }
      assert.equal(greatestShare(turns), 1);
      homes.push(turns[0]?.relay.account ?? '');
    }
    assert.deepEqual([...new Set(homes)].sort(), NAMES);
  });

  test('calls with one affinity key stay together whatever they ask, spill over when their place is full, and return', async () => {
    await using us = await startRegion({ latency: parseLatency('100ms') });
    const limits = { concurrent_requests: 5 };
    await using relay = await startPooled({ accounts: NAMES.map((name) => account(name, { us }, { limits })) });
    const keyed = (): Promise<Outcome> => relay.complete(ask({ relay: { affinity_key: 'search index' } }));
    const few = [...(await all(5, keyed)), ...(await all(5, keyed))];
    assert.equal(greatestShare(few), 1);
    const home = few[0]?.relay.account ?? '';

    const many = await all(20, keyed);
    assert.deepEqual(statuses(many), { OK: 20 });
    assert.deepEqual(served(many), { a: 5, b: 5, c: 5, d: 5 });

    assert.deepEqual(served(await all(5, keyed)), { [home]: 5 });
  });
});

describe('a pinned region', () => {
  const regions = async (): Promise<{ us: Simulator; eu: Simulator }> => ({
    us: await startRegion(),
    eu: await startRegion(),
  });

  test('gets the call, and no other does', async () => {
    const { us, eu } = await regions();
    await using relay = await startPooled({ accounts: ['a', 'b'].map((name) => account(name, { us, eu })) });
    const unary = await all(20, () => relay.complete(ask({ relay: { region: 'eu' } })));
    const streams = await all(20, () => relay.stream(ask({ relay: { region: 'eu' } })));
    assert.deepEqual(statuses([...unary, ...streams]), { OK: 40 });
    assert.deepEqual([us.counters().requests, eu.counters().requests], [0, 40]);

    await eu.close();
    const dark = await all(20, () => relay.complete(ask({ relay: { region: 'eu' } }), { deadline: 5_000 }));
    assert.deepEqual(statuses(dark), { 'UNAVAILABLE UPSTREAM_UNAVAILABLE': 20 });
    assert.equal(us.counters().requests, 0);
    await us.close();
  });

  test('that does not exist is the caller’s mistake, and he is told which do', async () => {
    const { us, eu } = await regions();
    await using relay = await startPooled({ accounts: [account('a', { us, eu })] });
    const outcome = await relay.complete(ask({ relay: { region: 'moon' } }));
    assert.deepEqual(statuses([outcome]), { 'INVALID_ARGUMENT INVALID_REQUEST': 1 });
    assert.match(outcome.message, /us, eu/);
    assert.equal(us.counters().requests + eu.counters().requests, 0);
    await Promise.all([us.close(), eu.close()]);
  });
});

test('background calls wait behind interactive ones, and are not starved by them', async () => {
  // The first call holds the only place until all others wait.
  await using us = await startRegion({ recordBodies: true, faults: parseFaults('stall:nth=1,for=2s') });
  const limits = { concurrent_requests: 1 };
  await using relay = await startPooled({ accounts: [account('a', { us }, { limits })] });
  const send = (text: string, priority: string): Promise<Outcome> => relay.complete(ask({ text, relay: { priority } }));
  const first = send('first', 'PRIORITY_INTERACTIVE');
  await us.findRequest(() => true);
  const background = all(10, (index) => send(`background ${index}`, 'PRIORITY_BACKGROUND'));
  await until(relay.health, ({ waiting }) => waiting.background === 10);
  const interactive = all(40, (index) => send(`interactive ${index}`, 'PRIORITY_INTERACTIVE'));
  await until(relay.health, ({ waiting }) => waiting.interactive === 40);
  assert.deepEqual(statuses([await first, ...(await background), ...(await interactive)]), { OK: 51 });

  const order = us.requests().map(({ body = '' }) => /"text":"(\w+)/.exec(body)?.[1] ?? '');
  const amongInteractive = order.slice(1, order.lastIndexOf('interactive') + 1);
  // Every eighth turn is theirs.
  const turns = amongInteractive.flatMap((kind, at) => (kind === 'background' ? [at] : []));
  assert.equal(turns.length, Math.floor(amongInteractive.length / 8));
  assert.ok(turns.every((at, index) => at - (turns[index - 1] ?? -1) <= 8));
});
