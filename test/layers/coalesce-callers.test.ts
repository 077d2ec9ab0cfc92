/** What each caller of a shared flight is told and charged, whoever leaves when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply, Settlement } from '../../src/completion/reply.ts';
import type { Service } from '../../src/completion/service.ts';
import { HistoryBudget } from '../../src/completion/shared-stream.ts';
import { startTrace } from '../../src/completion/trace.ts';
import { coalesce } from '../../src/layers/coalesce.ts';
import { cancelled, event, FakeStream, fakeCall, wholeReply } from './fakes.ts';

/** A next service whose calls the test answers; each attempt leaves its mark on the trace, as the pool does. */
function upstream() {
  const calls: Call[] = [];
  const answers: PromiseWithResolvers<Reply>[] = [];
  const service: Service = (call) => {
    const answer = Promise.withResolvers<Reply>();
    calls.push(call);
    answers.push(answer);
    call.trace.attempts += 1;
    call.trace.account = 'main';
    return answer.promise;
  };
  return { calls, answers, service };
}

function layer(next: Service, now = () => 0): Service {
  return coalesce({ keyOf: (call) => call.digest(), history: new HistoryBudget(1_000_000), now })(next);
}

/** A call that the cache has looked up in vain. */
function missed(given: Partial<Call> = {}): Call {
  return fakeCall({ trace: { ...startTrace(0), cacheStatus: 'MISS' }, ...given });
}

describe('the callers of a shared flight', () => {
  it('are counted once, with the next one where the first has left before the answer came', async () => {
    const { answers, service } = upstream();
    const share = layer(service);
    const gone = new AbortController();
    const [first, second, third] = [missed({ signal: gone.signal }), missed(), missed()];
    const replies = [share(first), share(second), share(third)];
    gone.abort(cancelled());
    await assert.rejects(replies[0] ?? Promise.resolve());
    answers[0]?.resolve(wholeReply('{}'));
    const usages = await Promise.all(replies.slice(1).map(async (reply) => (await (await reply).settled).usage));
    assert.deepEqual(usages, [{ output_tokens: 3 }, { output_tokens: 3 }]);
    assert.deepEqual(
      [first, second, third].map(({ trace }) => [trace.cacheStatus, trace.attempts, trace.account]),
      [
        ['MISS', 0, 'main'],
        ['MISS', 1, 'main'],
        ['COALESCED', 0, 'main'],
      ],
    );
  });

  it('leave it to the last of them to be told of a flight that ends with him', async () => {
    const { calls, service } = upstream();
    const share = layer(service);
    const leaving = [new AbortController(), new AbortController()];
    const callers = leaving.map(({ signal }) => missed({ signal }));
    const replies = callers.map((caller) => share(caller));
    for (const each of leaving) each.abort(cancelled());
    for (const reply of replies) await assert.rejects(reply);
    assert.equal(calls[0]?.signal.aborted, true);
    assert.deepEqual(
      callers.map(({ trace }) => trace.attempts),
      [0, 1],
    );
  });

  it('pay for a stream whose first one has left it, who waits for nothing any more', async () => {
    const stream = new FakeStream();
    const share = layer((call) => {
      call.trace.attempts += 1;
      return Promise.resolve(stream.reply());
    });
    const gone = new AbortController();
    const calls = [missed({ signal: gone.signal }), missed(), missed()];
    const [left, ...staying] = await Promise.all(calls.map((call) => share(call)));
    assert.ok(left?.kind === 'stream');
    gone.abort(cancelled());
    assert.deepEqual(await left.settled, { outcome: 'abandoned', usage: {} });
    stream.push(event('message_start'), event('message_stop'), 'end');
    for (const reply of staying) {
      assert.ok(reply.kind === 'stream');
      for await (const each of reply.events) assert.ok(each);
      const { outcome, usage } = await reply.settled;
      assert.deepEqual([outcome, usage], ['delivered', { output_tokens: 3 }]);
    }
    assert.deepEqual(
      calls.map(({ trace }) => trace.cacheStatus),
      ['COALESCED', 'MISS', 'COALESCED'],
    );
    assert.equal(calls[1]?.trace.attempts, 1);
  });

  it('leave it to the last of them to wait for what a stream has used that ends with him', async () => {
    const stream = new FakeStream();
    const share = layer(() => Promise.resolve(stream.reply()));
    const leaving = [new AbortController(), new AbortController()];
    const settled: (Settlement | Promise<Settlement>)[] = [];
    for (const { signal } of leaving) settled.push((await share(missed({ signal }))).settled);
    stream.settlement.resolve({ outcome: 'abandoned', usage: { output_tokens: 3 } });
    const usages: unknown[] = [];
    for (const [index, each] of leaving.entries()) {
      each.abort(cancelled());
      usages.push((await settled[index])?.usage);
    }
    assert.deepEqual(usages, [{}, { output_tokens: 3 }]);
  });

  it('go on with a flight of their own where the first one had less time than they', async () => {
    let now = 0;
    const { calls, answers, service } = upstream();
    const share = layer(service, () => now);
    const hasty = new AbortController();
    const first = share(missed({ signal: hasty.signal, deadline: 100 }));
    const patient = [missed({ deadline: 900 }), missed({ deadline: 900 })];
    const others = patient.map((caller) => share(caller));
    now = 100;
    answers[0]?.reject(new RelayError('DEADLINE_EXCEEDED', 'The deadline passed in the queue.'));
    hasty.abort(new RelayError('DEADLINE_EXCEEDED', 'Too late.'));
    await assert.rejects(first);
    await setImmediate();
    answers[1]?.resolve(wholeReply('{}'));
    for (const reply of await Promise.all(others)) assert.equal(reply.kind, 'whole');
    assert.equal(calls.length, 2);
    assert.deepEqual(
      patient.map(({ trace }) => trace.cacheStatus),
      ['MISS', 'COALESCED'],
    );
  });

  it('fail with the flight where time is up for all of them', async () => {
    const { calls, answers, service } = upstream();
    const share = layer(service, () => 100);
    const replies = [share(missed({ deadline: 100 })), share(missed({ deadline: 90 }))];
    answers[0]?.reject(new RelayError('DEADLINE_EXCEEDED', 'The deadline passed in the queue.'));
    for (const reply of replies) await assert.rejects(reply);
    assert.equal(calls.length, 1);
  });
});
