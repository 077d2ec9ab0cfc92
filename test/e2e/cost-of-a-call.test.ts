/** Savings that nobody would notice the loss of but by measuring: see docs/adr/0007-the-cost-of-a-call.md. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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

function startAnswering(): Promise<Written> {
  return startUpstream((response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
  });
}

describe('promises that the relay makes for a unary call', { timeout: 60_000 }, () => {
  const CALLS = 200;
  // An `async` function in place of a `then` makes one more at least, and so does a layer more. The two that this test
  // makes itself by asking are a hundredth of one, and what the relay does now and then (renewing connections) makes none.
  const MARGIN = 0.5;
  const cases = [
    { name: 'from the cache', most: 9, settings: {}, question: () => 'The same' },
    { name: 'that goes upstream', most: 16, settings: {}, question: (index: number) => `Question ${index}` },
    {
      name: 'that goes upstream with the cache off',
      most: 13,
      settings: { cache: { mode: 'off' } },
      question: (index: number) => `Question ${index}`,
    },
  ];

  for (const { name, most, settings, question } of cases) {
    it(`${name} are ${most} at most`, async (test) => {
      await using upstream = await startAnswering();
      await using relay = await startChild(settingsFor(upstream.url, settings));
      using caller = new Caller(relay, question);
      await caller.make(CALLS);
      const { promises: before } = await relay.counting();
      await caller.make(CALLS);
      const perCall = ((await relay.holdings()).promises - before) / CALLS;
      test.diagnostic(`${perCall} promises a call`);
      assert.ok(perCall < most + MARGIN, `${perCall} promises a call`);
    });
  }
});

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
