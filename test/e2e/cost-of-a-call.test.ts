/** Savings that nobody would notice the loss of but by measuring: see docs/adr/0007-the-cost-of-a-call.md. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LinkedSet, type Member } from '../../src/server/linked-set.ts';
import { type RelayChild, startChild } from './core-process.ts';
import { ask, Client, settingsFor } from './core-relay.ts';
import { startUpstream, type Written } from './core-upstream.ts';

const ANSWER = JSON.stringify({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5-5',
  content: [{ type: 'text', text: 'The tide turns twice a day. '.repeat(10) }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 90 },
});

function startAnswering(asked: () => void): Promise<Written> {
  return startUpstream((response) => {
    asked();
    response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
  });
}

describe('promises that the relay makes for a unary call', { timeout: 60_000 }, () => {
  const CALLS = 200;
  // An `async` function in place of a `then` makes one more at least, and so does a layer more. The two that this test
  // makes itself by asking are a hundredth of one, and what the relay does now and then (renewing connections) makes none.
  const MARGIN = 0.5;
  const cases = [
    { name: 'from the cache', most: 9, goUpstream: 1, settings: {}, question: () => 'The same' },
    {
      name: 'that goes upstream',
      most: 16,
      goUpstream: 2 * CALLS,
      settings: {},
      question: (index: number) => `Question ${index}`,
    },
    {
      name: 'that goes upstream with the cache off',
      most: 13,
      goUpstream: 2 * CALLS,
      settings: { cache: { mode: 'off' } },
      question: (index: number) => `Question ${index}`,
    },
  ];

  for (const { name, most, goUpstream, settings, question } of cases) {
    it(`${name} are ${most} at most`, async (test) => {
      let asked = 0;
      await using upstream = await startAnswering(() => asked++);
      await using relay = await startChild(settingsFor(upstream.url, settings));
      using caller = new Caller(relay, question);
      await caller.make(CALLS);
      const { promises: before } = await relay.counting();
      await caller.make(CALLS);
      const perCall = ((await relay.holdings()).promises - before) / CALLS;
      assert.equal(asked, goUpstream);
      test.diagnostic(`${perCall} promises a call`);
      assert.ok(perCall < most + MARGIN, `${perCall} promises a call`);
    });
  }
});

describe('a linked set of calls', () => {
  const CALLS = 2_000;
  const UNDER_WAY = 8;
  const BETWEEN_COLLECTIONS = 50;

  it('leaves next to nothing of them to a full collection', (test) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as NonNullable<typeof globalThis.gc>;
    const calls = new LinkedSet<readonly number[]>();
    const members: Member<readonly number[]>[] = [];
    const pass = (count: number): void => {
      for (let index = 0; index < count; index++) {
        members.push(calls.add(largeObject()));
        const oldest = members.length > UNDER_WAY ? members.shift() : undefined;
        if (oldest !== undefined) calls.delete(oldest);
        if (index % BETWEEN_COLLECTIONS === 0) collect({ type: 'minor' });
      }
    };
    // So that the set itself, and who is in it, are old.
    pass(CALLS / 10);
    collect();
    const before = oldBytes();
    pass(CALLS);
    const perCall = (oldBytes() - before) / CALLS;
    test.diagnostic(`${perCall.toFixed(0)} bytes a call`);
    // A `Set` leaves nearly all of the 8,000 of each; the bound is far from both.
    assert.ok(perCall < 2_000, `${perCall} bytes a call`);
  });
});

/** 8 KB, more than all that else a test makes for it. */
function largeObject(): readonly number[] {
  return Array.from({ length: 1_000 }, () => 0.5);
}

/** Bytes that only a full collection frees. */
function oldBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => name === 'old_space' || name === 'large_object_space')
    .reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
}

/** Makes calls one after another. */
class Caller implements Disposable {
  readonly #client: Client;
  readonly #question: (index: number) => string;
  #made = 0;

  constructor({ address }: RelayChild, question: (index: number) => string) {
    this.#client = new Client(address);
    this.#question = question;
  }

  async make(calls: number): Promise<void> {
    for (let left = calls; left > 0; left--) {
      const { error } = await this.#client.ask('Complete', ask(this.#question(this.#made++)));
      assert.equal(error, undefined);
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
