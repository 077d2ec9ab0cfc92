/** Similar requests by a server of embeddings that fails in the ways that servers do, in time that the test moves. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { cacheConfig, cacheSettings } from '../../src/config/sections/cache.ts';
import { openSimilarAnswers } from '../../src/main/similar-answers.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { ManualClock } from '../redis/manual-clock.ts';

const REST_MS = 5_000;
const PROMPT = 'How do I reset a Gmail password?';
const PARAPHRASE = 'How can I reset the Gmail password?';
const never = new AbortController().signal;

type Behaviour = 'vectors' | 'other dimensions' | 'no JSON' | 'endless' | 'silent' | 'hangs up' | number;

let behaviour: Behaviour;
let asked: number;

/** To it all prompts are alike: the worst that could be. */
const server = createServer((_, response) => {
  asked += 1;
  const embedding = behaviour === 'other dimensions' ? [1] : [1, 1];
  if (typeof behaviour === 'number') response.writeHead(behaviour).end();
  else if (behaviour === 'hangs up') response.destroy();
  else if (behaviour === 'no JSON') response.end('{');
  else if (behaviour === 'endless') response.end(' '.repeat(2 ** 20));
  else if (behaviour !== 'silent') response.end(JSON.stringify({ data: [{ index: 0, embedding }] }));
});

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  behaviour = 'vectors';
  asked = 0;
});

async function opened() {
  const { port } = server.address() as AddressInfo;
  const embeddings = { base_url: `http://127.0.0.1:${port}`, model: 'small', dimensions: 2, timeout: '250ms' };
  const clock = new ManualClock();
  const lines: { readonly level: string; readonly msg: string }[] = [];
  const log = createLog({ level: 'info', output: { write: (line) => void lines.push(JSON.parse(line)), flush() {} } });
  const metrics = createMetrics({ tenant: () => true, model: () => true, account: () => true, region: () => true });
  const similar = openSimilarAnswers(cacheConfig(cacheSettings.parse({ embeddings })), { metrics, log }, clock);
  await similar.get().add('scope', 'kept', PROMPT, never);
  return {
    clock,
    similar,
    /** The levels of what was logged since the last time. */
    told: () => lines.splice(0).map(({ level }) => level),
    find: async (text = PARAPHRASE) => (await similar.get().find('scope', text, 0.9, never))?.id,
    failures: async () =>
      Number(/^claude_relay_cache_embedding_failures_total (\d+)/m.exec((await metrics.render('')).text)?.[1]),
  };
}

describe('similar answers', () => {
  it('are found by embedding, as long as they are kept', async () => {
    const { similar, find } = await opened();
    assert.equal(await find(), 'kept');
    similar.forget('kept');
    assert.equal(await find(), undefined);
  });

  for (const failing of [503, 401, 404, 429, 'no JSON', 'endless', 'silent', 'hangs up', 'other dimensions'] as const) {
    it(`are found by text alone while the server is left alone, which failed so: ${failing}`, async () => {
      const { clock, find, failures, told } = await opened();
      behaviour = failing;
      asked = 0;
      assert.equal(await find(), undefined);
      behaviour = 'vectors';
      clock.advance(REST_MS - 1);
      assert.equal(await find(), undefined);
      assert.equal(await find(`Hello! ${PROMPT}`), 'kept');
      assert.deepEqual([asked, await failures(), told()], [1, 2, ['warn']]);
      clock.advance(1);
      assert.equal(await find(), 'kept');
      assert.deepEqual([asked, await failures(), told()], [2, 2, ['info']]);
    });
  }

  for (const status of [400, 413, 422]) {
    it(`are found by embedding for other prompts than one that the server refuses with ${status}`, async () => {
      const { find, failures, told } = await opened();
      behaviour = status;
      assert.equal(await find(), undefined);
      assert.equal(await find(), undefined);
      behaviour = 'vectors';
      assert.equal(await find(), 'kept');
      assert.deepEqual([await failures(), told()], [2, ['warn']]);
    });
  }

  it('blame nobody where the caller goes away', async () => {
    const { similar, find, failures, told } = await opened();
    behaviour = 'silent';
    const caller = new AbortController();
    const reached = once(server, 'request');
    const finding = similar.get().find('scope', PARAPHRASE, 0.9, caller.signal);
    await reached;
    caller.abort(new Error('the caller went away'));
    assert.equal(await finding, undefined);
    behaviour = 'vectors';
    assert.equal(await find(), 'kept');
    assert.deepEqual([await failures(), told()], [0, []]);
  });
});
