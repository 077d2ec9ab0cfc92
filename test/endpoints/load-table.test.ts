import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadTable } from '../../src/endpoints/load-table.ts';

/** A table with one row that has answered so many times, every 100 ms, in 100 ms. */
function steady(times: number): { readonly loads: LoadTable; readonly row: number; readonly now: number } {
  const loads = new LoadTable();
  const row = loads.take();
  for (let time = 1; time <= times; time++) loads.observe(row, true, 100, time * 100);
  return { loads, row, now: times * 100 };
}

test('an endpoint that has become slow is known for it after a few answers', () => {
  const { loads, row, now } = steady(20);
  for (let time = 1; time <= 5; time++) loads.observe(row, true, 1_000, now + time);
  assert.ok(loads.latency(row, true, now + 5) > 850);
});

test('one slow answer among many does not make an endpoint slow, and is soon forgotten', () => {
  const { loads, row, now } = steady(20);
  loads.observe(row, true, 400, now);
  assert.ok(loads.latency(row, true, now) < 220);
  for (let time = 1; time <= 30; time++) loads.observe(row, true, 100, now + time * 100);
  assert.ok(loads.latency(row, true, now + 3_000) < 120);
});

test('a slow endpoint that is left alone is slow for a minute, and then worth another try', () => {
  const loads = new LoadTable();
  const row = loads.take();
  loads.observe(row, true, 1_000, 0);
  assert.ok(loads.latency(row, true, 20_000) > 700);
  assert.ok(loads.latency(row, true, 150_000) < 100);
  loads.observe(row, true, 50, 150_000);
  assert.ok(loads.latency(row, true, 150_000) < 60);
});

test('whole answers and streams are estimated apart', () => {
  const { loads, row, now } = steady(20);
  loads.observe(row, false, 5_000, now);
  assert.equal(Math.round(loads.latency(row, true, now)), 100);
  assert.equal(Math.round(loads.latency(row, false, now)), 5_000);
});

test('where a probe has failed, what is known to answer comes first, until there is an answer', () => {
  const { loads, row: known, now } = steady(20);
  const doubtful = loads.take();
  const fresh = loads.take();
  loads.doubt(doubtful);
  loads.doubt(known);
  const cost = (row: number): number => loads.cost(row, true, now);
  assert.ok(cost(fresh) < cost(known) && cost(known) < cost(doubtful));
  assert.equal(loads.measured(doubtful, true, now), undefined, 'what is assumed is not shown');
  loads.addInFlight(known, 12);
  assert.ok(cost(doubtful) < cost(known), 'it is tried when the others are busy');
  loads.observe(doubtful, true, 80, now);
  loads.doubt(doubtful);
  assert.equal(loads.measured(doubtful, true, now), 80, 'its answers say more than probes');
  assert.equal(loads.measured(doubtful, false, now), undefined);
});
