/** What calls with long prompts hold while their answers take their time. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, it } from 'node:test';
import { startChild } from './core-process.ts';
import { ask, Client, settingsFor } from './core-relay.ts';
import { startUpstream } from './core-upstream.ts';

const CALLS = 60;
const PROMPT_BYTES = 300_000;

describe('a call that waits for its answer', { timeout: 60_000 }, () => {
  for (const rpc of ['Complete', 'CompleteStream'] as const) {
    it(`holds its request once (${rpc})`, async (test) => {
      const asked = new EventEmitter();
      await using upstream = await startUpstream(() => asked.emit('request'));
      await using relay = await startChild(settingsFor(upstream.url));
      const client = new Client(relay.address);
      const begin = async (prompt: string): Promise<void> => {
        const request = once(asked, 'request');
        if (rpc === 'Complete') client.begin(rpc, ask(prompt), () => undefined);
        else client.stream(ask(prompt)).on('error', () => undefined);
        await request;
      };
      await begin('to warm up');
      const { live: before } = await relay.collected();
      // One after another, since together they may be more than may arrive at once.
      for (let index = 1; index <= CALLS; index++) await begin(`${index} ${'x'.repeat(PROMPT_BYTES)}`);
      const perCall = ((await relay.collected()).live - before) / CALLS;
      client.close();
      test.diagnostic(`${(perCall / 1e3).toFixed(0)} KB a call`);
      assert.ok(perCall < 1.6 * PROMPT_BYTES, `${perCall} bytes a call`);
    });
  }
});
