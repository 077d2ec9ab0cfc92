import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from '../../src/simulator/limits/bucket.ts';
import { parseLimits } from '../../src/simulator/limits/rules.ts';
import { HELLO, post, start } from './client.ts';
import { ManualClock } from './manual-clock.ts';

test('a request beyond the limit gets 429, retry-after and every rate-limit header', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, limits: parseLimits('rpm=2,itpm=100k,otpm=50k') });
  const first = await post(simulator, HELLO);
  assert.equal(first.status, 200);
  assert.equal(first.headers.get('anthropic-ratelimit-requests-limit'), '2');
  assert.equal(first.headers.get('anthropic-ratelimit-requests-remaining'), '1');
  assert.equal(first.headers.get('anthropic-ratelimit-requests-reset'), '2026-11-20T10:00:30Z');
  await post(simulator, HELLO);

  const refused = await post(simulator, HELLO);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '30');
  assert.equal(refused.headers.get('x-should-retry'), 'true');
  const error = refused.error();
  assert.equal(error.type, 'rate_limit_error');
  assert.equal(error.message, "This request would exceed your organization's rate limit of 2 requests per minute.");
  for (const limit of ['requests', 'tokens', 'input-tokens', 'output-tokens']) {
    for (const part of ['limit', 'remaining', 'reset']) {
      assert(refused.headers.has(`anthropic-ratelimit-${limit}-${part}`), `${limit}-${part}`);
    }
  }
  assert.equal(refused.headers.get('anthropic-ratelimit-tokens-limit'), '150000');

  clock.advance(29_999);
  assert.equal((await post(simulator, HELLO)).status, 429);
  clock.advance(1);
  assert.equal((await post(simulator, HELLO)).status, 200);
  assert.equal(simulator.counters().rateLimited, 2);
});

test('input tokens are refused before they are used, output tokens once they are spent', async () => {
  const clock = new ManualClock();
  const outputTokens = { from: 100, to: 100 };
  await using simulator = await start({ clock, outputTokens, limits: parseLimits('otpm=150') });
  assert.equal((await post(simulator, HELLO)).status, 200);
  assert.equal((await post(simulator, HELLO)).status, 200, '50 are left, which is room for a beginning');
  const refused = await post(simulator, HELLO);
  assert.match(refused.error().message, /150 output tokens per minute/);
  assert.equal(refused.headers.get('retry-after'), '21', '50 beyond the limit, and 1 to begin with, at 2.5 per second');

  simulator.setLimits(parseLimits('itpm=15'));
  assert.equal((await post(simulator, HELLO)).status, 200);
  assert.match((await post(simulator, HELLO)).error().message, /15 input tokens per minute/);
});

test('limits belong to an organization and a model class', async () => {
  const clock = new ManualClock();
  const apiKeys = [{ key: 'a1', organization: 'a' }, { key: 'a2', organization: 'a' }, { key: 'b' }];
  await using simulator = await start({ clock, apiKeys, limits: parseLimits('rpm=1') });
  const send = async (key: string, model: string) =>
    (await post(simulator, { ...HELLO, model }, { 'x-api-key': key })).status;
  assert.equal(await send('a1', 'claude-opus-5'), 200);
  assert.equal(await send('a2', 'claude-opus-5-5'), 429, 'same organization, same class');
  assert.equal(await send('a2', 'claude-opus-4-8'), 200, 'another class');
  assert.equal(await send('b', 'claude-opus-5-5'), 200, 'another organization');
});

test('a rule may be for some models and keys, and let bursts be short', async () => {
  const clock = new ManualClock();
  const limits = parseLimits('rpm=60,burst=2s,models=claude-opus-*,keys=sk-*');
  await using simulator = await start({ clock, limits });
  const statuses = [];
  for (let index = 0; index < 3; index++) statuses.push((await post(simulator, HELLO)).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.equal((await post(simulator, HELLO, { 'x-api-key': 'other' })).status, 200);
  const unlimited = await post(simulator, { ...HELLO, model: 'claude-haiku-5-5' });
  assert.equal(unlimited.status, 200);
  assert(!unlimited.headers.has('anthropic-ratelimit-requests-limit'));
});

test('counting tokens has a limit of its own', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, limits: parseLimits('rpm=1,ctpm=2') });
  const { max_tokens: _, ...prompt } = HELLO;
  const count = () => post(simulator, prompt, {}, '/v1/messages/count_tokens');
  const first = await count();
  assert.equal(first.headers.get('anthropic-ratelimit-requests-remaining'), '1');
  assert.equal((await count()).status, 200);
  assert.equal((await count()).status, 429);
  assert.equal((await post(simulator, HELLO)).status, 200);
});

test('over any stretch of time a bucket gives at most its burst and the refill', () => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 20_000 }), amount: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), fc.array(step, { maxLength: 100 }), (perMinute, steps) => {
      const bucket = new TokenBucket(perMinute, 60_000, 0);
      let now = 0;
      let taken = 0;
      for (const { wait, amount } of steps) {
        now += wait;
        if (!bucket.allows(amount, now)) {
          // What it says of waiting is true.
          if (amount <= perMinute) assert(bucket.waitFor(amount, now) > 0);
          continue;
        }
        bucket.take(amount, now);
        taken += amount;
        assert(taken <= perMinute + (now * perMinute) / 60_000 + 1e-6);
      }
    }),
  );
});
