/** Whatever the upstream sends and however little callers read, a call costs bounded memory. */
import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { delta } from '../providers/upstream.ts';
import { errorInfo } from '../server/support.ts';
import { type Holdings, type RelayChild, startChild } from './core-process.ts';
import { ask, type Event, settingsFor, startCore } from './core-relay.ts';
import { beginStream, END, pourStream, startUpstream } from './core-upstream.ts';
import { frameOf, openSession, sendCall } from './core-wire.ts';

const STREAMS = 200;
const ANSWER_BYTES = 10_000_000;
const MEGABYTE = 1_000_000;
const TEXT = 'x'.repeat(4_000);
/** Some 10 MB, and within the largest answer. */
const DELTAS = ANSWER_BYTES / TEXT.length;

/** A relay that has answered before: what the first calls make the engine take is not the price of those that follow. */
async function warmed(relay: RelayChild): Promise<Holdings> {
  const session = openSession(relay.address);
  for (let index = 0; index < 400; index++) {
    const rpc = index % 2 === 0 ? 'Complete' : 'CompleteStream';
    const call = sendCall(session, rpc, frameOf(ask(`Short ${index}`))).resume();
    if (index % 20 === 19) await once(call, 'close');
  }
  session.destroy();
  return relay.collected();
}

/** Resident memory of the relay at its worst, from now until `quiet` says the same for half a second. */
async function peak(relay: RelayChild, quiet: () => number): Promise<number> {
  let worst = 0;
  let last = -1;
  for (let same = 0; same < 5; ) {
    worst = Math.max(worst, (await relay.holdings()).rss);
    const now = quiet();
    same = now === last ? same + 1 : 0;
    last = now;
    await wait(100);
  }
  return worst;
}

/** Answers whose prompt says "Short" with a few events, all others with 10 MB in deltas of this text. */
function longAnswers(text: string) {
  const poured: { readonly written: number }[] = [];
  const upstream = startUpstream((response, body) => {
    if (body.includes('Short')) pourStream(response, 10, 'x');
    else poured.push(pourStream(response, ANSWER_BYTES / text.length, text));
  });
  return { poured, upstream };
}

describe('memory', { timeout: 120_000 }, () => {
  for (const characters of [200, 4_000]) {
    it(`is bounded for ${STREAMS} streams that nobody reads, of 10 MB in deltas of ${characters} characters`, async (test) => {
      const { poured, upstream: starting } = longAnswers('x'.repeat(characters));
      await using upstream = await starting;
      await using relay = await startChild(
        settingsFor(upstream.url, { upstream: { pool: { max_connections: STREAMS } } }),
      );
      const idle = await warmed(relay);
      const sessions = [1, 2, 3, 4].map(() => openSession(relay.address));
      for (let index = 0; index < STREAMS; index++) {
        const session = sessions[index % sessions.length];
        if (session !== undefined) sendCall(session, 'CompleteStream', frameOf(ask(`Question ${index}`))).pause();
      }
      while (poured.length < STREAMS) await wait(20);
      const written = (): number => poured.reduce((sum, each) => sum + each.written, 0);
      const resident = (await peak(relay, written)) - idle.rss;
      const live = (await relay.collected()).live - idle.live;
      test.diagnostic(`${toMegabytes(live)} MB live and ${toMegabytes(resident)} MB resident over idle`);
      test.diagnostic(`the upstream wrote ${toMegabytes(written())} MB`);
      assert.ok(live < 150 * MEGABYTE, `${live} bytes are held`);
      // Beside what is held, this is garbage that the engine has not collected yet: the busier the machine, the more.
      assert.ok(resident < 300 * MEGABYTE, `resident memory grew by ${resident} bytes`);

      for (const session of sessions) session.destroy();
      while ((await relay.metric('claude_relay_streams_open')) > 0) await wait(20);
    });
  }

  it('is bounded where one caller reads and another of the same answer does not', async (test) => {
    const flights = 40;
    const { upstream: starting } = longAnswers(TEXT);
    await using upstream = await starting;
    await using relay = await startChild(settingsFor(upstream.url, { cache: { mode: 'off' } }));
    const idle = await warmed(relay);
    const [slow, fast] = [openSession(relay.address), openSession(relay.address)];
    let worst = 0;
    for (let index = 0; index < flights; index++) {
      const frame = frameOf(ask(`Question ${index}`));
      sendCall(slow, 'CompleteStream', frame).pause();
      const [trailers] = await once(sendCall(fast, 'CompleteStream', frame).resume(), 'trailers');
      assert.equal(trailers['grpc-status'], '0', 'who reads is not held up by who does not');
      worst = Math.max(worst, (await relay.holdings()).rss - idle.rss);
    }
    test.diagnostic(`${toMegabytes(worst)} MB over idle for ${flights} answers of 10 MB`);
    assert.ok(worst < 300 * MEGABYTE, `memory grew by ${worst} bytes`);
    slow.destroy();
    fast.destroy();
  });
});

function toMegabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(0);
}

describe('the largest answer', () => {
  const LIMIT = 65_536;
  const settings = { server: { listen: '127.0.0.1:0', max_response_bytes: LIMIT } };

  it('is cut after what came within it, and the upstream is aborted', { timeout: 10_000 }, async () => {
    const closed = Promise.withResolvers<void>();
    await using upstream = await startUpstream((response) => {
      response.on('close', () => closed.resolve());
      pourStream(response, DELTAS, TEXT);
    });
    await using core = await startCore(settingsFor(upstream.url, settings));
    const { events, error } = await core.client.readStream(ask('Tell me everything.'));
    assert.equal(error?.code, status.RESOURCE_EXHAUSTED);
    const { reason, metadata } = errorInfo(error);
    assert.equal(reason, 'RESPONSE_TOO_LARGE');
    const deltas = events.filter(({ event }) => event === 'content_block_delta').length;
    assert.equal(deltas, Math.floor(LIMIT / delta(TEXT).length), 'what came within the limit was delivered');
    assert.equal(metadata['characters'], String(deltas * TEXT.length));
    await closed.promise;
  });

  for (const above of [0, 100_000]) {
    it(`is refused whole to who wants no stream (stream_unary_above: ${above})`, { timeout: 10_000 }, async () => {
      const closed = Promise.withResolvers<void>();
      await using upstream = await startUpstream((response, body) => {
        response.on('close', () => closed.resolve());
        if (body.endsWith('"stream":true}')) pourStream(response, DELTAS, TEXT);
        else response.writeHead(200, { 'content-type': 'application/json' }).end(`{"id":"${TEXT.repeat(DELTAS)}"}`);
      });
      await using core = await startCore(
        settingsFor(upstream.url, { ...settings, upstream: { stream_unary_above: above } }),
      );
      const { error } = await core.client.ask('Complete', ask('Tell me everything.'));
      assert.equal(error?.code, status.RESOURCE_EXHAUSTED);
      assert.equal(errorInfo(error).reason, 'RESPONSE_TOO_LARGE');
      await closed.promise;
    });
  }
});

describe('flushing', () => {
  it('holds small events back until there are enough of them', { timeout: 10_000 }, async () => {
    let hasSentMore = false;
    await using upstream = await startUpstream((response) => {
      beginStream(response);
      setTimeout(() => {
        hasSentMore = true;
        response.write(delta('x'.repeat(2_000)));
      }, 200);
    });
    const stream = { flush_interval: '5s', flush_bytes: 2_000 };
    await using core = await startCore(settingsFor(upstream.url, { stream }));
    const call = core.client.stream(ask('Hello'));
    call.on('error', () => undefined);
    const kinds: string[] = [];
    for await (const [{ event }] of on(call, 'data') as AsyncIterable<[Event]>) {
      assert.ok(hasSentMore, 'nothing leaves before there is enough');
      if (kinds.push(event) === 3) break;
    }
    call.cancel();
    assert.deepEqual(kinds, ['message_start', 'content_block_start', 'content_block_delta']);
  });

  it('sends what there is when the interval is over, and at the end of the answer', { timeout: 10_000 }, async () => {
    const held: (() => void)[] = [];
    await using upstream = await startUpstream((response) => {
      beginStream(response);
      response.write(delta('Hi'));
      held.push(() => response.end(END));
    });
    const stream = { flush_interval: '50ms', flush_bytes: '1MiB' };
    await using core = await startCore(settingsFor(upstream.url, { stream }));
    const kinds: string[] = [];
    for await (const { event } of core.client.stream(ask('Hello')) as AsyncIterable<Event>) {
      // The interval alone has brought the first three: the upstream says no more until they are here.
      if (kinds.push(event) === 3) for (const release of held) release();
    }
    assert.deepEqual(kinds.slice(3), ['content_block_stop', 'message_delta', 'message_stop']);
  });
});
