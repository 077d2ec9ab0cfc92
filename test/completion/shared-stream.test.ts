import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RelayError } from '../../src/completion/errors.ts';
import type { Settlement, StreamEvent } from '../../src/completion/reply.ts';
import { HistoryBudget, SharedStream } from '../../src/completion/shared-stream.ts';

const KILOBYTE = 1024;
const never = new AbortController().signal;

/** Events of a kilobyte each; counts how many were asked for. */
function source(count: number) {
  const asked = { events: 0 };
  async function* events(): AsyncGenerator<StreamEvent> {
    for (; asked.events < count; asked.events++) {
      yield { type: 'content_block_delta', data: String(asked.events).padStart(KILOBYTE, '.') };
    }
  }
  return { asked, events: events() };
}

type Reading = AsyncIterator<StreamEvent>;

async function readOn(reader: Reading, events: number): Promise<number> {
  let read = 0;
  while (read < events && (await reader.next()).done !== true) read++;
  return read;
}

function endings() {
  const outcomes: Settlement['outcome'][] = [];
  return { outcomes, over: (outcome: Settlement['outcome']) => void outcomes.push(outcome) };
}

describe('a shared stream', () => {
  it('keeps what a slow reader has not read, while there is room', async () => {
    const stream = new SharedStream(source(100).events, new HistoryBudget(1000 * KILOBYTE));
    const [fast, slow] = [stream.read(never, () => undefined), stream.read(never, () => undefined)];
    assert.equal(await readOn(fast, Infinity), 100);
    assert.equal(await readOn(slow, Infinity), 100);
  });

  it('takes the place of the slowest reader where there is none, and the others go on', async () => {
    const { outcomes, over } = endings();
    const stream = new SharedStream(source(100).events, new HistoryBudget(20 * KILOBYTE));
    const fast = stream.read(never, () => undefined);
    const steady = stream.read(never, () => undefined);
    const stalled = stream.read(never, over);
    assert.equal(await readOn(stalled, 1), 1);
    for (let event = 0; event < 100; event++) assert.equal((await readOn(fast, 1)) + (await readOn(steady, 1)), 2);
    assert.deepEqual(outcomes, ['failed']);
    assert.ok(stream.retained <= 20 * KILOBYTE);
    await assert.rejects(
      stalled.next(),
      (thrown) => thrown instanceof RelayError && thrown.reason === 'STREAM_INTERRUPTED' && thrown.scope === 'none',
    );
    assert.deepEqual(await stalled.next(), { done: true, value: undefined });
  });

  it('still bounds what a reader holds who stalls when the source has ended', async () => {
    const budget = new HistoryBudget(50 * KILOBYTE);
    const streams = Array.from({ length: 10 }, () => new SharedStream(source(30).events, budget));
    for (const stream of streams) {
      stream.read(never, () => undefined);
      assert.equal(
        await readOn(
          stream.read(never, () => undefined),
          Infinity,
        ),
        30,
      );
    }
    assert.ok(streams.reduce((sum, stream) => sum + stream.retained, 0) <= 50 * KILOBYTE);
  });

  it('takes from whoever keeps most', async () => {
    const budget = new HistoryBudget(60 * KILOBYTE);
    const [hoarding, modest] = [
      new SharedStream(source(100).events, budget),
      new SharedStream(source(100).events, budget),
    ];
    const { outcomes, over } = endings();
    const { outcomes: ofModest, over: overModest } = endings();
    hoarding.read(never, over);
    await readOn(
      hoarding.read(never, () => undefined),
      40,
    );
    modest.read(never, overModest);
    await readOn(
      modest.read(never, () => undefined),
      25,
    );
    assert.deepEqual([outcomes, ofModest], [['failed'], []]);
  });

  it('leaves a lone reader alone, however little room there is', async () => {
    const stream = new SharedStream(source(50).events, new HistoryBudget(1));
    assert.equal(
      await readOn(
        stream.read(never, () => undefined),
        Infinity,
      ),
      50,
    );
  });

  it('gives its room back when its readers leave before the end', async () => {
    const budget = new HistoryBudget(100 * KILOBYTE);
    for (let times = 0; times < 20; times++) {
      const stream = new SharedStream(source(50).events, budget);
      const reader = stream.read(never, () => undefined);
      await readOn(reader, 40);
      assert.ok(stream.joinable, 'nobody else holds anything any more');
      await reader.return?.();
      stream.close();
      assert.equal(stream.retained, 0);
    }
  });

  it('is over at once for a reader whose call is over already', async () => {
    const { outcomes, over } = endings();
    const reason = new RelayError('CANCELLED', 'Gone.');
    const reader = new SharedStream(source(5).events, new HistoryBudget(KILOBYTE)).read(
      AbortSignal.abort(reason),
      over,
    );
    assert.deepEqual(outcomes, ['abandoned']);
    await assert.rejects(reader.next(), reason);
  });

  it('reads no further than its fastest reader', async () => {
    const { asked, events } = source(50);
    const stream = new SharedStream(events, new HistoryBudget(1000 * KILOBYTE));
    await readOn(
      stream.read(never, () => undefined),
      7,
    );
    assert.ok(asked.events <= 8);
  });
});
