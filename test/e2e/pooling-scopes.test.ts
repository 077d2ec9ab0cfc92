/** What fails decides what is set aside: a model, a request, a limit; and nothing more than that. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import {
  account,
  all,
  ask,
  byAccount,
  countBy,
  keyOf,
  MODEL,
  type Outcome,
  startPooled,
  startRegion,
  statuses,
  until,
} from './relay.ts';

const OTHER_MODEL = 'claude-haiku-5-5';

function requestsFor(region: Simulator, model: string): number {
  return region.requests().filter((record) => record.model === model).length;
}

test('a 529 on one model leaves the other models of the same account where they were', async () => {
  await using us = await startRegion({ faults: parseFaults(`529:models=${MODEL}`) });
  await using eu = await startRegion();
  await using relay = await startPooled({
    routing: { strategy: 'priority', affinity: 'off' },
    accounts: [account('a', { us, eu })],
  });
  assert.deepEqual(statuses(await all(20, () => relay.complete(ask()))), { OK: 20 });
  assert.ok(requestsFor(us, MODEL) > 0);
  assert.deepEqual(
    (await relay.health()).overloaded.map(({ region, model }) => [region, model]),
    [['us', MODEL]],
  );

  const others = await all(20, () => relay.complete(ask({ model: OTHER_MODEL })));
  assert.deepEqual(statuses(others), { OK: 20 });
  assert.equal(requestsFor(us, OTHER_MODEL), 20);
  assert.equal(requestsFor(eu, OTHER_MODEL), 0);
  assert.deepEqual(
    (await relay.health()).endpoints.map(({ breaker }) => breaker),
    ['closed', 'closed'],
  );
});

test('a request that fails wherever it goes opens no breaker, however often its caller repeats it', async () => {
  // The simulator cannot tell texts apart, but models it can.
  const poison = ask({ text: 'poison', model: OTHER_MODEL });
  await using us = await startRegion({ faults: parseFaults(`500:models=${OTHER_MODEL}`) });
  await using relay = await startPooled({
    upstream: { retry: { min_delay: '1ms', base_delay: '5ms', budget_ratio: 1 } },
    accounts: ['a', 'b', 'c', 'd'].map((name) => account(name, { us })),
  });
  for (let round = 0; round < 20; round++) {
    const [poisoned, fine] = await Promise.all([relay.complete(poison), all(8, () => relay.complete(ask()))]);
    assert.deepEqual(statuses([poisoned]), { 'UNAVAILABLE UPSTREAM_UNAVAILABLE': 1 });
    assert.deepEqual(statuses(fine), { OK: 8 });
  }
  assert.ok(requestsFor(us, OTHER_MODEL) >= 20);
  assert.deepEqual(
    countBy((await relay.health()).endpoints, ({ breaker }) => breaker),
    { closed: 4 },
  );
  assert.equal(await relay.metric('claude_relay_breaker_transitions_total'), 0);
});

describe('when every account is cooling', () => {
  const coolForASecond = 'nth=1,retry-after=1';
  const names = ['a', 'b', 'c'];

  test('calls wait for the earliest and succeed within their deadline', async () => {
    const faults = parseFaults(`429:keys=key-a,nth=1,retry-after=30;${coolDowns(['b', 'c'])}`);
    await using us = await startRegion({ faults });
    await using relay = await startPooled({ accounts: names.map((name) => account(name, { us })) });
    await until(
      () => relay.complete(ask()),
      () => us.counters().rateLimited === 3,
    );
    const outcomes = await all(20, () => relay.complete(ask(), { deadline: 10_000 }));
    assert.deepEqual(statuses(outcomes), { OK: 20 });
    assert.deepEqual(Object.keys(byAccount(us.requests())).sort(), names);
    assert.equal(byAccount(us.requests())['a'], 1, 'the one that cools longest was asked too early');
  });

  test('a call that cannot wait so long is told at once when to come back', async () => {
    const faults = parseFaults(names.map((name) => `429:keys=key-${name},retry-after=30`).join(';'));
    await using us = await startRegion({ faults });
    await using relay = await startPooled({ accounts: names.map((name) => account(name, { us })) });
    const outcomes = await all(10, () => relay.complete(ask(), { deadline: 20_000 }));
    assert.deepEqual(statuses(outcomes), { 'RESOURCE_EXHAUSTED RATE_LIMITED': 10 });
    assert.ok(us.counters().requests < 40, `${us.counters().requests} requests for 10 calls`);
    assert.equal((await relay.admin('/readyz')).status, 200);
  });

  function coolDowns(accounts: readonly string[]): string {
    return accounts.map((name) => `429:keys=key-${name},${coolForASecond}`).join(';');
  }
});

describe('a conversation with signed thinking', () => {
  const names = ['a', 'b', 'c', 'd'];
  const thinking = { thinking: { adaptive: {} }, max_tokens: 2_000 };

  /** The next turn of a conversation that has one answer. */
  function nextTurn(question: string, answer: Outcome): object {
    const message = answer.answer?.['message'] as { readonly content: readonly object[] };
    return {
      ...ask({ text: question, ...thinking }),
      messages: [
        { role: 'user', content: [{ text: { text: question } }] },
        { role: 'assistant', content: message.content },
        { role: 'user', content: [{ text: { text: 'Go on.' } }] },
      ],
    };
  }

  test('never goes to another organization, not even when its own is limited', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: names.map((name) => account(name, { us })) });
    const questions = Array.from({ length: 12 }, (_, index) => `signed ${index}`);
    const first = await Promise.all(questions.map((text) => relay.complete(ask({ text, ...thinking }))));
    assert.deepEqual(statuses(first), { OK: 12 });
    assert.ok(JSON.stringify(first[0]?.answer).includes('signature'));
    const limited = first[0]?.relay.account ?? '';

    us.setFaults(parseFaults(`429:keys=${keyOf(limited)},nth=1-2,retry-after=1`));
    const second = await Promise.all(
      first.map((answer, index) => relay.complete(nextTurn(questions[index] ?? '', answer), { deadline: 20_000 })),
    );
    assert.deepEqual(statuses(second), { OK: 12 });
    assert.deepEqual(
      second.map((answer) => answer.relay.account),
      first.map((answer) => answer.relay.account),
    );
  });

  test('fails rather than move when its organization is out of service', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: names.map((name) => account(name, { us })) });
    const first = await relay.complete(ask({ text: 'signed', ...thinking }));
    const home = first.relay.account ?? '';
    us.setFaults(parseFaults(`401:keys=${keyOf(home)}`));
    const sent = us.counters().requests;
    const second = await relay.complete(nextTurn('signed', first));
    assert.deepEqual(statuses([second]), { 'UNAVAILABLE UPSTREAM_CREDENTIALS': 1 });
    assert.deepEqual(
      us
        .requests()
        .slice(sent)
        .map(({ key }) => key),
      [keyOf(home)],
    );
    assert.deepEqual(statuses([await relay.complete(ask())]), { OK: 1 });
  });
});
