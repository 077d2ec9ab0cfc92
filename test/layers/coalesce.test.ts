import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply, StreamEvent } from '../../src/completion/reply.ts';
import type { Service } from '../../src/completion/service.ts';
import { HistoryBudget } from '../../src/completion/shared-stream.ts';
import { coalesce } from '../../src/layers/coalesce.ts';
import { cancelled, event, FakeStream, fakeCall, wholeReply } from './fakes.ts';

const EVENTS = [
  event('message_start'),
  event('content_block_start'),
  event('content_block_delta'),
  event('message_stop'),
];

function layer(next: Service, budget = 1_000_000): Service {
  return coalesce({ keyOf: (call) => call.digest(), history: new HistoryBudget(budget), now: () => 0 })(next);
}

async function eventsOf(reply: Reply): Promise<StreamEvent[]> {
  assert.equal(reply.kind, 'stream');
  const events: StreamEvent[] = [];
  if (reply.kind === 'stream') for await (const each of reply.events) events.push(each);
  return events;
}

/** A next service that answers with one stream per call, fed by the test. */
function streams(): { readonly calls: Call[]; readonly opened: FakeStream[]; readonly service: Service } {
  const calls: Call[] = [];
  const opened: FakeStream[] = [];
  const service: Service = (call) => {
    const stream = new FakeStream();
    calls.push(call);
    opened.push(stream);
    return Promise.resolve(stream.reply());
  };
  return { calls, opened, service };
}

function first(opened: readonly FakeStream[]): FakeStream {
  const [stream] = opened;
  assert.ok(stream);
  return stream;
}

describe('coalesce', () => {
  it('makes one call of a thousand equal ones, unary and streaming', async () => {
    const { calls, opened, service } = streams();
    const share = layer(service);
    const replies = Array.from({ length: 1000 }, (_, index) => share(fakeCall({ wantsStream: index % 2 === 0 })));
    const read = replies.map(async (reply) => eventsOf(await reply));
    await setImmediate();
    first(opened).push(...EVENTS, 'end');
    for (const events of await Promise.all(read)) assert.deepEqual(events, EVENTS);
    assert.equal(calls.length, 1);
  });

  it('gives those who join late what has already come, and then the rest', async () => {
    const { opened, service } = streams();
    const share = layer(service);
    const early = eventsOf(await share(fakeCall()));
    first(opened).push(...EVENTS.slice(0, 2));
    await setImmediate();
    const late = eventsOf(await share(fakeCall()));
    first(opened).push(...EVENTS.slice(2), 'end');
    assert.deepEqual(await early, EVENTS);
    assert.deepEqual(await late, EVENTS);
    assert.equal(opened.length, 1);
  });

  it('goes on for the others when the first caller leaves, and ends with the last', async () => {
    const { calls, opened, service } = streams();
    const share = layer(service);
    const leader = new AbortController();
    const follower = new AbortController();
    const left = eventsOf(await share(fakeCall({ signal: leader.signal })));
    const stays = eventsOf(await share(fakeCall({ signal: follower.signal })));
    first(opened).push(...EVENTS.slice(0, 2));
    leader.abort(cancelled());
    await assert.rejects(left, (thrown) => thrown instanceof RelayError && thrown.reason === 'CANCELLED');
    assert.equal(calls[0]?.signal.aborted, false);
    first(opened).push(EVENTS[2] ?? event('ping'));
    follower.abort(cancelled());
    await assert.rejects(stays);
    assert.equal(calls[0]?.signal.aborted, true);
  });

  it('starts a new flight for who comes after the end', async () => {
    let answered = 0;
    const share = layer(() => Promise.resolve(wholeReply(String((answered += 1)))));
    const together = await Promise.all([share(fakeCall()), share(fakeCall())]);
    const later = await share(fakeCall());
    assert.deepEqual(
      together.map((reply) => reply.kind === 'whole' && reply.body),
      ['1', '1'],
    );
    assert.equal(later.kind === 'whole' && later.body, '2');
  });

  it('tells all callers what the answer used, and all but one that another has paid', async () => {
    const share = layer(() => Promise.resolve(wholeReply('{}')));
    const calls = [fakeCall(), fakeCall(), fakeCall()];
    const replies = await Promise.all(calls.map((call) => share(call)));
    const usages = await Promise.all(replies.map(async (reply) => (await reply.settled).usage));
    assert.deepEqual(usages, [{ output_tokens: 3 }, { output_tokens: 3 }, { output_tokens: 3 }]);
    assert.deepEqual(
      calls.map(({ trace }) => trace.cacheStatus),
      ['UNSPECIFIED', 'COALESCED', 'COALESCED'],
    );
  });

  it('fails all who wait with the one failure, and keeps nothing of it', async () => {
    let calls = 0;
    const share = layer(() => {
      calls += 1;
      return Promise.reject(new RelayError('UPSTREAM_OVERLOADED', 'Busy.'));
    });
    await assert.rejects(Promise.all([share(fakeCall()), share(fakeCall())]));
    await assert.rejects(share(fakeCall()));
    assert.equal(calls, 2);
  });

  it('breaks for all readers where the stream breaks, after what came before', async () => {
    const { opened, service } = streams();
    const share = layer(service);
    const replies = [await share(fakeCall()), await share(fakeCall())];
    first(opened).push(EVENTS[0] ?? event('ping'), new RelayError('STREAM_INTERRUPTED', 'Cut.'));
    for (const reply of replies) {
      const got: StreamEvent[] = [];
      await assert.rejects(async () => {
        if (reply.kind === 'stream') for await (const each of reply.events) got.push(each);
      });
      assert.equal(got.length, 1);
    }
    assert.equal((await replies[1]?.settled)?.outcome, 'failed');
  });

  it('waits as long as the most patient caller', async () => {
    let seen: Call | undefined;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    const share = layer((call) => {
      seen = call;
      return promise;
    });
    const replies = [share(fakeCall({ deadline: 100 })), share(fakeCall({ deadline: 900 }))];
    assert.equal(seen?.deadline, 900);
    resolve(wholeReply('{}'));
    await Promise.all(replies);
  });

  it('takes no more joiners than its memory allows, and loses nothing for those within', async () => {
    const { opened, service } = streams();
    const share = layer(service, 100);
    const within = eventsOf(await share(fakeCall()));
    first(opened).push(...EVENTS.slice(0, 3));
    await setImmediate();
    const apart = eventsOf(await share(fakeCall()));
    assert.equal(opened.length, 2);
    for (const stream of opened) stream.push(...(stream === opened[0] ? EVENTS.slice(3) : EVENTS), 'end');
    assert.deepEqual(await within, EVENTS);
    assert.deepEqual(await apart, EVENTS);
  });

  it('reads the stream no faster than its fastest reader', async () => {
    const { opened, service } = streams();
    const reply = await layer(service)(fakeCall());
    first(opened).push(...EVENTS, 'end');
    assert.equal(reply.kind, 'stream');
    const events = reply.kind === 'stream' ? reply.events[Symbol.asyncIterator]() : undefined;
    await events?.next();
    await setImmediate();
    assert.ok(first(opened).read <= 2);
  });
});
