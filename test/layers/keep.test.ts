import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as round } from 'node:timers/promises';
import { RelayError } from '../../src/completion/errors.ts';
import { replay } from '../../src/completion/replay.ts';
import type { Reply, StreamEvent } from '../../src/completion/reply.ts';
import type { Service } from '../../src/completion/service.ts';
import { type Keepable, keep } from '../../src/layers/keep.ts';
import type { ReusePlan } from '../../src/layers/reuse-plan.ts';
import { canonical } from '../completion/lossless.ts';
import { event, FakeStream, fakeCall, wholeReply } from './fakes.ts';

function message(stopReason: string | null): string {
  const block = '{"type":"text","text":"Paris"}';
  const reason = JSON.stringify(stopReason);
  return `{"id":"msg","type":"message","role":"assistant","content":[${block}],"stop_reason":${reason},"usage":{"output_tokens":3}}`;
}

/** The layer over a service, and what it has kept. */
function keeping(next: Service, mode: ReusePlan['mode'] = 'exact') {
  const kept: Keepable[] = [];
  const plan: ReusePlan = { mode, ttlMs: undefined, minSimilarity: 1 };
  const layer = keep({ planOf: () => plan, keep: (_call, _plan, answer) => kept.push(answer) });
  return { kept, service: layer(next) };
}

async function read(reply: Reply): Promise<StreamEvent[]> {
  assert.equal(reply.kind, 'stream');
  const events: StreamEvent[] = [];
  if (reply.kind === 'stream') for await (const each of reply.events) events.push(each);
  return events;
}

describe('keep', () => {
  it('keeps whole answers that ended by themselves, with what they used', async () => {
    for (const reason of ['end_turn', 'stop_sequence', 'tool_use']) {
      const { kept, service } = keeping(() => Promise.resolve(wholeReply(message(reason))));
      await service(fakeCall());
      await round();
      assert.deepEqual(kept, [{ body: message(reason), usage: { output_tokens: 3 } }]);
    }
  });

  it('keeps no answer that was cut, refused, paused, or ended in a way that is not known', async () => {
    for (const reason of ['max_tokens', 'refusal', 'pause_turn', 'model_context_window_exceeded', 'tomorrow', null]) {
      const { kept, service } = keeping(() => Promise.resolve(wholeReply(message(reason))));
      await service(fakeCall());
      await round();
      assert.deepEqual(kept, []);
    }
  });

  it('takes the word of who has read the stop reason', async () => {
    const told = (stopReason: string): Reply => ({
      kind: 'whole',
      body: '{}',
      settled: Promise.resolve({ outcome: 'delivered', usage: {}, stopReason }),
    });
    for (const [stopReason, count] of [
      ['end_turn', 1],
      ['max_tokens', 0],
    ] as const) {
      const { kept, service } = keeping(() => Promise.resolve(told(stopReason)));
      await service(fakeCall());
      await round();
      assert.equal(kept.length, count);
    }
  });

  it('leaves what is no Message to who reads it', async () => {
    for (const body of ['[]', '"text"', '{', '', '{"stop_reason":{}}', 'null']) {
      const { kept, service } = keeping(() => Promise.resolve(wholeReply(body)));
      const reply = await service(fakeCall());
      await round();
      assert.equal(reply.kind === 'whole' && reply.body, body);
      assert.deepEqual(kept, []);
    }
  });

  it('keeps nothing of failures, and passes them on', async () => {
    const { kept, service } = keeping(() => Promise.reject(new RelayError('UPSTREAM_OVERLOADED', 'Busy.')));
    await assert.rejects(service(fakeCall()));
    assert.deepEqual(kept, []);
  });

  it('passes a stream on as it is, and keeps the message that it told', async () => {
    const stream = new FakeStream();
    const { kept, service } = keeping(() => Promise.resolve(stream.reply()));
    const events = [...replay(message('end_turn'))];
    const reading = read(await service(fakeCall()));
    stream.push(...events.slice(0, -1));
    await round();
    assert.deepEqual(kept, [], 'not before it is complete');
    stream.push(...events.slice(-1), 'end');
    assert.deepEqual(await reading, events);
    await round();
    assert.deepEqual(
      kept.map(({ body }) => canonical(body)),
      [canonical(message('end_turn'))],
    );
  });

  it('keeps no stream that was left, broke, or was cut', async () => {
    const whole = [...replay(message('end_turn'))];
    const broken = new RelayError('STREAM_INTERRUPTED', 'Cut.');
    for (const script of [
      [...whole.slice(0, 3), broken],
      [...whole.slice(0, -1), 'end' as const],
      [...replay(message('max_tokens')), 'end' as const],
    ]) {
      const stream = new FakeStream();
      const { kept, service } = keeping(() => Promise.resolve(stream.reply()));
      stream.push(...script);
      await read(await service(fakeCall())).catch(() => undefined);
      stream.settlement.resolve({ outcome: 'failed', usage: {} });
      await round();
      assert.deepEqual(kept, []);
    }
  });

  it('breaks no stream whose events are not of the form that it knows', async () => {
    const stream = new FakeStream();
    const { kept, service } = keeping(() => Promise.resolve(stream.reply()));
    const odd = [
      event('message_start', ',"message":{"content":[]}'),
      event('content_block_delta', ',"index":7,"delta":{"type":"text_delta","text":"for no block"}'),
      event('message_delta', ',"delta":{"stop_reason":"end_turn"}'),
      event('message_stop'),
    ];
    stream.push(...odd, 'end');
    assert.deepEqual(await read(await service(fakeCall())), odd);
    await round();
    assert.deepEqual(kept, []);
  });

  it('stands aside where the plan is to leave the cache alone', async () => {
    const reply = wholeReply(message('end_turn'));
    const { kept, service } = keeping(() => Promise.resolve(reply), 'off');
    assert.equal(await service(fakeCall()), reply);
    await round();
    assert.deepEqual(kept, []);
  });

  it('keeps no answer after another to the same request that was asked for later', async () => {
    const replies = Array.from({ length: 4 }, () => Promise.withResolvers<Reply>());
    let asked = 0;
    const { kept, service } = keeping(() => replies[asked++]?.promise ?? Promise.reject(new Error('asked too often')));
    const calls = ['same', 'same', 'other', 'same'].map((key) => service(fakeCall({ digest: () => key })));
    const textOf = (index: number): string => message('end_turn').replace('Paris', `answer ${index}`);
    for (const index of [1, 0, 2, 3]) {
      replies[index]?.resolve(wholeReply(textOf(index)));
      await round();
    }
    await Promise.all(calls);
    assert.deepEqual(
      kept.map(({ body }) => body),
      [textOf(1), textOf(2), textOf(3)],
    );
  });
});
