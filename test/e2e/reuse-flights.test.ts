/** Equal calls under way at the same time, over real sockets: one upstream request, and nobody's leaving hurts another. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as round } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { accumulate } from '../../src/completion/accumulate.ts';
import type { Latency } from '../../src/simulator/latency.ts';
import { canonical } from '../completion/lossless.ts';
import { ManualClock } from '../simulator/manual-clock.ts';
import { eventOf, jsonOf } from './core-json.ts';
import { type Event, type Fields, type Outcome, readAll } from './core-relay.ts';
import { as, ask, type CachedRelay, infoOf, startCached, startUpstream, tenant } from './reuse-relay.ts';

const WAIT: Latency = { firstByte: { mean: 1_000, jitter: 0 }, step: { mean: 0, jitter: 0 }, unit: 'event' };
const STEPS: Latency = { firstByte: { mean: 10, jitter: 0 }, step: { mean: 10, jitter: 0 }, unit: 'event' };

/** A relay over an upstream whose time the test moves. */
async function held(latency: Latency, settings: object = {}) {
  const clock = new ManualClock();
  const upstream = await startUpstream({ clock, latency, outputTokens: { from: 48, to: 48 } });
  const cached = await startCached(settings, upstream);
  return {
    cached,
    clock,
    async [Symbol.asyncDispose]() {
      await cached[Symbol.asyncDispose]();
      await upstream.close();
    },
  };
}

/** Waits until exactly so many calls are under way, as the relay sees it. */
async function underWay(cached: CachedRelay, count: number): Promise<void> {
  while ((await cached.metric('claude_relay_requests_in_flight')) !== count) await round();
}

/** Lets the upstream's time pass, in steps, until the promise is settled. */
async function until<T>(clock: ManualClock, promise: Promise<T>, step = 1_000): Promise<T> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  do {
    clock.advance(step);
    // What it sends now is to arrive before more is sent.
    for (let rounds = 0; rounds < 20; rounds++) await round();
  } while (!(await Promise.race([settled, Promise.resolve(false)])));
  return promise;
}

async function textOf(events: readonly Event[]): Promise<string> {
  async function* source() {
    for (const event of events) yield eventOf(event);
  }
  return canonical(await accumulate(source()));
}

describe('equal calls under way', () => {
  it('are one upstream request, a thousand of them, unary and streaming, over many connections', async () => {
    await using relay = await held(WAIT);
    const { cached, clock } = relay;
    const request = ask('What is the capital of France?');
    const clients = Array.from({ length: 8 }, () => cached.connect());
    const unary: Promise<Fields | undefined>[] = [];
    const streams: Promise<{ events: Event[]; error?: unknown }>[] = [];
    for (let index = 0; index < 500; index++) {
      const client = clients[index % clients.length];
      assert.ok(client);
      unary.push(client.ask('Complete', request).then(({ answer }) => answer));
      streams.push(client.readStream(request));
    }
    await underWay(cached, 1_000);
    const answers = await until(clock, Promise.all(unary));
    const read = await Promise.all(streams);

    assert.equal(cached.asked(), 1);
    const [first] = answers;
    assert.ok(first);
    const message = canonical(jsonOf('Message', first['message'] as Fields));
    for (const answer of answers) assert.deepEqual(answer?.['message'], first['message']);
    const [whole] = read;
    assert.ok(whole);
    assert.equal(await textOf(whole.events), message);
    for (const { events, error } of read) {
      assert.equal(error, undefined);
      assert.deepEqual(
        events.map(({ relay: _, ...event }) => event),
        whole.events.map(({ relay: _, ...event }) => event),
      );
    }
    const infos = [...answers.map(infoOf), ...read.map(({ events }) => infoOf(events.at(-1)))];
    assert.deepEqual(countBy(infos.map(({ cache_status }) => cache_status)), {
      CACHE_STATUS_COALESCED: 999,
      CACHE_STATUS_MISS: 1,
    });
    assert.equal(infos.filter(({ cost_usd }) => cost_usd !== undefined).length, 1);
    assert.equal(await cached.metric('claude_relay_cache_requests_total', { result: 'coalesced' }), 999);
    const paid = await cached.metric('claude_relay_cost_usd_total');
    const saved = await cached.metric('claude_relay_saved_usd_total');
    assert.ok(Math.abs(saved / paid - 999) < 1e-6, `saved ${saved}, paid ${paid}`);
  });

  it('go on, a thousand of them, when the first is cancelled amid the answer', async () => {
    await using relay = await held(STEPS);
    const { cached, clock } = relay;
    const request = ask('Tell me a long story.');
    const leader = cached.client.stream(request);
    const reading = leader[Symbol.asyncIterator]();
    const first = reading.next();
    await clock.waitingFor(1);
    const clients = Array.from({ length: 8 }, () => cached.connect());
    const unary: Promise<Outcome>[] = [];
    const streams: ReturnType<typeof readAll>[] = [];
    for (let index = 0; index < 999; index++) {
      const client = clients[index % clients.length];
      assert.ok(client);
      if (index % 2 === 0) unary.push(client.ask('Complete', request));
      else streams.push(client.readStream(request));
    }
    await underWay(cached, 1_000);
    await until(clock, first, 10);
    leader.cancel();
    await assert.rejects(readRest(reading), { code: status.CANCELLED });
    const [answers, read] = await until(clock, Promise.all([Promise.all(unary), Promise.all(streams)]), 10);

    assert.deepEqual([cached.asked(), cached.upstream.counters().aborted], [1, 0]);
    const [whole] = read;
    assert.ok(whole);
    const message = await textOf(whole.events);
    for (const { answer, error } of answers) {
      assert.equal(error, undefined);
      assert.equal(canonical(jsonOf('Message', answer?.['message'] as Fields)), message);
    }
    const expected = whole.events.map(({ relay: _, ...event }) => event);
    for (const { events, error } of read) {
      assert.equal(error, undefined);
      assert.deepEqual(
        events.map(({ relay: _, ...event }) => event),
        expected,
      );
    }
    const { answer: later } = await cached.client.ask('Complete', request);
    assert.equal(infoOf(later).cache_status, 'CACHE_STATUS_HIT', 'it was kept too');
  });

  it('let who joins late have everything from the first event on', async () => {
    await using relay = await held(STEPS);
    const { cached, clock } = relay;
    const request = ask('Tell me a story.');
    const early = cached.client.stream(request)[Symbol.asyncIterator]();
    const first = early.next();
    await clock.waitingFor(1);
    await until(clock, first, 10);
    const late = cached.connect().readStream(request);
    await underWay(cached, 2);
    const { events } = await until(clock, late);
    const rest: Event[] = [(await first).value];
    for (let next = await early.next(); next.done !== true; next = await early.next()) rest.push(next.value);
    assert.deepEqual(
      rest.map(({ relay: _, ...event }) => event),
      events.map(({ relay: _, ...event }) => event),
    );
    assert.equal(cached.asked(), 1);
  });

  it('go on when the first caller cancels and the second runs out of time', async () => {
    await using relay = await held(WAIT);
    const { cached, clock } = relay;
    const request = ask('How far is the moon?');
    const cancelled = cached.client.stream(request);
    const left = readAll(cancelled);
    await underWay(cached, 1);
    const hasty = cached.connect().ask('Complete', request, { options: { deadline: Date.now() + 150 } });
    const stays = cached.connect().ask('Complete', request);
    await underWay(cached, 3);
    cancelled.cancel();
    assert.equal((await left).error?.code, status.CANCELLED);
    assert.equal((await hasty).error?.code, status.DEADLINE_EXCEEDED);
    await underWay(cached, 1);
    const { answer, error } = await until(clock, stays);
    assert.equal(error, undefined);
    assert.equal(infoOf(answer).cache_status, 'CACHE_STATUS_MISS', 'it is now the one that is counted');
    assert.ok((infoOf(answer).cost_usd ?? 0) > 0);
    assert.deepEqual([cached.asked(), cached.upstream.counters().aborted], [1, 0]);
  });

  it('end at the upstream when the last caller has left', async () => {
    await using relay = await held(WAIT);
    const { cached } = relay;
    const request = ask('What is the time?');
    const streams = [cached.client.stream(request), cached.connect().stream(request)];
    const read = streams.map(readAll);
    await underWay(cached, 2);
    for (const stream of streams) stream.cancel();
    await Promise.all(read);
    const { outcome } = await cached.upstream.findRequest((record) => record.outcome !== 'open');
    assert.equal(outcome, 'aborted');
    assert.equal(cached.asked(), 1);
  });

  it('wait in the queue for as long as the most patient, though the first had less time', async () => {
    const limits = { concurrent_requests: 1 };
    const clock = new ManualClock();
    await using upstream = await startUpstream({ clock, latency: WAIT });
    const account = { name: 'main', api_key: 'sk', limits, regions: [{ name: 'local', base_url: upstream.url }] };
    await using cached = await startCached({ accounts: [account] }, upstream);
    const blocking = cached.client.ask('Complete', ask('Something else'));
    await clock.waitingFor(1);
    const request = ask('What is the height of K2?');
    const hasty = cached.client.ask('Complete', request, { options: { deadline: Date.now() + 150 } });
    await underWay(cached, 2);
    const patient = cached.client.ask('Complete', request);
    await underWay(cached, 3);
    assert.equal((await hasty).error?.code, status.DEADLINE_EXCEEDED);
    const [, { error }] = await until(clock, Promise.all([blocking, patient]));
    assert.equal(error, undefined);
  });

  it('are not shared by tenants, nor where calls do not want it, nor where the answer is nobody else’s', async () => {
    const tenants = [tenant('a'), tenant('b'), tenant('c', { cache: { mode: 'off' } })];
    await using relay = await held(WAIT, { tenants });
    const { cached, clock } = relay;
    const searching = { tools: [{ anthropic: { type: 'web_search_20250305', name: 'web_search' } }] };
    const calls = [
      cached.client.ask('Complete', ask('Who am I?'), as('a')),
      cached.client.ask('Complete', ask('Who am I?'), as('b')),
      cached.client.ask('Complete', ask('Who am I?', { mode: 'CACHE_MODE_OFF' }), as('a')),
      cached.client.ask('Complete', ask('Who am I?'), as('c')),
      cached.client.ask('Complete', ask('Who am I?'), as('c')),
      cached.client.ask('Complete', ask('Who am I?', undefined, searching), as('a')),
      cached.client.ask('Complete', ask('Who am I?', undefined, searching), as('a')),
    ];
    await underWay(cached, calls.length);
    for (const { error } of await until(clock, Promise.all(calls))) assert.equal(error, undefined);
    assert.equal(cached.asked(), calls.length);
  });
});

async function readRest(events: AsyncIterator<Event>): Promise<void> {
  while ((await events.next()).done !== true);
}

function countBy(values: readonly (string | undefined)[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
  return counts;
}
