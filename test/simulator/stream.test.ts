import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text as readText } from 'node:stream/consumers';
import { test } from 'node:test';
import { parseLatency } from '../../src/simulator/latency.ts';
import { MODEL_CATALOGUE } from '../../src/simulator/models/catalogue.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { dial, eventsOf, HELLO, open, post, start, typesOf } from './client.ts';
import { ManualClock } from './manual-clock.ts';

const STREAM = { ...HELLO, stream: true };

/** Moves the clock, one wait of the simulator after another, until the answer is over; gives what it took. */
async function play(simulator: Simulator, clock: ManualClock, answer: Promise<unknown>): Promise<number> {
  const from = clock.now();
  let over = false;
  const ended = answer.then(() => {
    over = true;
  });
  for (;;) {
    await Promise.race([clock.waitingFor(1), ended]);
    if (over) break;
    clock.advance(1);
    // Once the last event is out, all that is left is for the client to read it.
    if (simulator.counters().open === 0) await ended;
  }
  return clock.now() - from;
}

test('events come in the order of the API, with a ping and padded', async () => {
  await using simulator = await start({ outputTokens: { from: 8, to: 8 }, tokensPerEvent: 4 });
  const { headers, text } = await post(simulator, STREAM);
  assert.equal(headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.equal(headers.get('cache-control'), 'no-cache');
  assert.deepEqual(typesOf(text), [
    'message_start',
    'content_block_start',
    'ping',
    'content_block_delta',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
  assert.deepEqual(
    eventsOf(text).map((event) => event['type']),
    typesOf(text),
  );
  assert.match(text, / +\}\n\n/);
});

test('the first byte and each token take their time, streamed or not', async () => {
  const clock = new ManualClock();
  const outputTokens = { from: 10, to: 10 };
  await using simulator = await start({ clock, outputTokens, latency: parseLatency('200ms+20ms/token') });
  assert.equal(await play(simulator, clock, post(simulator, STREAM)), 400);
  assert.equal(await play(simulator, clock, post(simulator, HELLO)), 400);
  simulator.setSlowdown(3);
  assert.equal(await play(simulator, clock, post(simulator, STREAM)), 1_200);
  simulator.setSlowdown(1);
  simulator.setLatency(parseLatency('100ms+50ms/event'));
  assert.equal(await play(simulator, clock, post(simulator, STREAM)), 250, '10 tokens are 3 events');
});

test('jitter stays within its bounds', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, latency: parseLatency('200ms~50ms') });
  const waits = new Set<number>();
  for (let index = 0; index < 5; index++) waits.add(await play(simulator, clock, post(simulator, HELLO)));
  assert(waits.size > 1);
  for (const wait of waits) assert(wait >= 150 && wait <= 251, String(wait));
});

test('silence is filled with pings', async () => {
  const clock = new ManualClock();
  const outputTokens = { from: 4, to: 4 };
  const latency = parseLatency('0+25s/event');
  await using simulator = await start({ clock, outputTokens, latency, pingInterval: 10_000 });
  const { response } = await open(simulator, STREAM);
  const text = readText(response);
  for (const wait of [10_000, 10_000, 5_000]) {
    await clock.waitingFor(1);
    clock.advance(wait);
  }
  const types = typesOf(await text);
  assert.equal(types.filter((type) => type === 'ping').length, 3);
  assert.equal(types.at(-1), 'message_stop');
});

test('thinking that is not shown takes its time all the same', async () => {
  const clock = new ManualClock();
  const outputTokens = { from: 1, to: 1 };
  await using simulator = await start({ clock, outputTokens, latency: parseLatency('0+10ms/token') });
  const answer = post(simulator, { ...STREAM, thinking: { type: 'adaptive' } });
  const took = await play(simulator, clock, answer);
  const { text } = await answer;
  const deltas = eventsOf(text).flatMap((event) => (event['type'] === 'content_block_delta' ? [event['delta']] : []));
  assert.deepEqual(
    deltas.map((delta) => (delta as { type: string }).type),
    ['signature_delta', 'text_delta'],
  );
  assert(took >= 90, String(took));
});

test('a client that leaves in the middle is noticed at once, and nothing more is made for it', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, latency: parseLatency('0+20ms/event') });
  const { outgoing, response } = await open(simulator, STREAM);
  await once(response, 'data');
  await clock.waitingFor(1);
  response.once('error', () => undefined);
  outgoing.destroy();
  const record = await simulator.findRequest(({ outcome }) => outcome === 'aborted');
  assert.equal(clock.timers, 0);
  assert.equal(record.events, 3);
  const [tally] = simulator.tallies();
  assert.equal(tally?.aborted, 1);
  assert.equal(tally?.outputTokens, 0);
});

test('a client that leaves before the answer or in its own request is noticed too', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, latency: parseLatency('1s') });
  const outgoing = dial(simulator, HELLO);
  await clock.waitingFor(1);
  outgoing.once('error', () => undefined).destroy();
  await simulator.findRequest(({ outcome }) => outcome === 'aborted');
  assert.equal(clock.timers, 0);
  assert.deepEqual(
    { ...simulator.counters(), connections: 0, peakConnections: 0 },
    {
      requests: 1,
      answered: 0,
      broken: 0,
      aborted: 1,
      rateLimited: 0,
      open: 0,
      peakOpen: 1,
      connections: 0,
      openConnections: 0,
      peakConnections: 0,
    },
  );
});

test('a client that does not read is waited for', async () => {
  const clock = new ManualClock();
  // Far more than the buffers of two sockets hold.
  const tokens = 2_000_000;
  const models = MODEL_CATALOGUE.map((model) => ({ ...model, maxTokens: tokens }));
  const outputTokens = { from: tokens, to: tokens };
  const latency = parseLatency('0+1ms/event');
  await using simulator = await start({ clock, models, outputTokens, latency, tokensPerEvent: 10_000 });
  const { response } = await open(simulator, { ...STREAM, max_tokens: tokens });
  const [record] = simulator.requests();
  assert(record !== undefined);
  let idle = 0;
  while (idle < 50) {
    await new Promise(setImmediate);
    idle = clock.timers === 0 ? idle + 1 : 0;
    clock.advance(1);
  }
  const sent = record.events;
  assert(sent < 200, `${sent} events went out to nobody`);

  const text = readText(response);
  while (record.outcome === 'open') {
    await new Promise(setImmediate);
    clock.advance(1);
  }
  assert.equal(typesOf(await text).length, 206);
});

test('closing cuts what does not end by itself', async () => {
  const simulator = await start({ closeGrace: 0, faults: [{ kind: 'stall', afterEvents: 3 }] });
  const { response } = await open(simulator, STREAM);
  const broken = once(response, 'error');
  await once(response, 'data');
  await simulator.close();
  await broken;
  assert.equal(simulator.requests()[0]?.outcome, 'aborted');
});

test('closing waits for answers under way', async () => {
  const clock = new ManualClock();
  const simulator = await start({ clock, closeGrace: 60_000, latency: parseLatency('1s') });
  const answer = post(simulator, HELLO);
  await clock.waitingFor(1);
  const closed = simulator.close();
  clock.advance(1_000);
  assert.equal((await answer).status, 200);
  await closed;
});
