import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Records, type OpenRecord } from '../../src/simulator/records.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { HELLO, post, start } from './client.ts';
import { ManualClock } from './manual-clock.ts';

function record(id: string, key = 'k'): OpenRecord {
  return {
    id,
    method: 'POST',
    url: '/v1/messages',
    headers: {},
    arrivedAt: 0,
    key,
    model: 'm',
    stream: false,
    status: 200,
    events: 0,
    outcome: 'open',
  };
}

test('only the latest requests are remembered, oldest first', () => {
  const records = new Records(3);
  for (const id of ['a', 'b']) records.arrive(record(id));
  assert.deepEqual(
    records.list().map(({ id }) => id),
    ['a', 'b'],
  );
  for (const id of ['c', 'd', 'e']) records.arrive(record(id));
  assert.deepEqual(
    records.list().map(({ id }) => id),
    ['c', 'd', 'e'],
  );
  assert.equal(records.counters().requests, 5);
});

test('a request ends once', () => {
  const records = new Records(3);
  const one = record('a');
  records.arrive(one);
  records.end(one, 'broken', 1);
  records.end(one, 'aborted', 2);
  const { open, broken, aborted } = records.counters();
  assert.deepEqual({ open, broken, aborted }, { open: 0, broken: 1, aborted: 0 });
});

test('tallies are bounded, and lose no count', () => {
  const records = new Records(0);
  for (let index = 0; index < 3_000; index++) {
    const one = record(String(index), `key ${index}`);
    records.arrive(one);
    records.end(one, 'answered', 1);
  }
  const tallies = records.tallies();
  assert(tallies.length <= 1_001);
  assert.equal(
    tallies.reduce((sum, { requests }) => sum + requests, 0),
    3_000,
  );
});

test('requests, keys, headers and the height of the tide are recorded', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, latency: parseLatency('1s') });
  const answers = ['a', 'b', 'a'].map((key) => post(simulator, HELLO, { 'x-api-key': key, 'x-custom': key }));
  await clock.waitingFor(3);
  assert.equal(simulator.counters().open, 3);
  clock.advance(1_000);
  await Promise.all(answers);
  await simulator.findRequest(() => simulator.counters().open === 0);
  const { peakOpen, open, answered } = simulator.counters();
  assert.deepEqual({ peakOpen, open, answered }, { peakOpen: 3, open: 0, answered: 3 });
  assert.deepEqual(
    simulator
      .tallies()
      .map(({ key, model, requests }) => ({ key, model, requests }))
      .toSorted((one, other) => one.key.localeCompare(other.key)),
    [
      { key: 'a', model: HELLO.model, requests: 2 },
      { key: 'b', model: HELLO.model, requests: 1 },
    ],
  );
  const [first] = simulator.requests();
  assert.equal(first?.headers['x-custom'], first?.key);
  assert.equal(first?.arrivedAt, Date.parse('2026-11-20T10:00:00Z'));
  assert.equal(first?.endedAt, Date.parse('2026-11-20T10:00:01Z'));
});
