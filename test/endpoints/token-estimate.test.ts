import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amounts } from '../../src/endpoints/limit-set.ts';
import { TokenEstimate } from '../../src/endpoints/token-estimate.ts';
import { fakeCall } from './fakes.ts';

test('input is estimated from the length of the body, output by no more than max_tokens', () => {
  const cost = new TokenEstimate().of(fakeCall({ body: 'x'.repeat(4000), maxTokens: 10 }));
  assert.ok(cost.input_tokens >= 1000 && cost.input_tokens <= 2000, `${cost.input_tokens}`);
  assert.equal(cost.output_tokens, 10);
  assert.equal(cost.tokens, cost.input_tokens + 10);
  assert.equal(cost.requests, 1);
});

test('max_tokens is tempered by what answers really use', () => {
  const estimate = new TokenEstimate();
  const call = fakeCall({ maxTokens: 64_000 });
  for (let answer = 0; answer < 100; answer++) estimate.observe(call, { input_tokens: 20, output_tokens: 200 });
  const { output_tokens: output } = estimate.of(call);
  assert.ok(output >= 200 && output < 250, `${output}`);
});

test('the estimate of input follows what the upstream counts, cache reads excluded', () => {
  const estimate = new TokenEstimate();
  const call = fakeCall({ body: 'x'.repeat(40_000) });
  const usage = {
    input_tokens: 100,
    cache_creation_input_tokens: 300,
    cache_read_input_tokens: 9_600,
    output_tokens: 1,
  };
  for (let answer = 0; answer < 100; answer++) estimate.observe(call, usage);
  const { input_tokens: input } = estimate.of(call);
  assert.ok(input >= 400 && input < 600, `${input}`);
});

test('used is what the upstream told, and what was reserved where it told nothing', () => {
  const estimate = new TokenEstimate();
  const reserved = amounts(500, 50);
  const call = fakeCall();
  assert.deepEqual(estimate.used(call, {}, reserved), reserved);
  assert.deepEqual(estimate.used(call, { input_tokens: 7 }, reserved), amounts(7, 50));
  const usage = { input_tokens: 7, cache_creation_input_tokens: 3, cache_read_input_tokens: 90, output_tokens: 0 };
  assert.deepEqual(estimate.used(call, usage, reserved), amounts(10, 0));
});

test('cache reads count for the one model for which the API counts them', () => {
  const call = fakeCall({ model: 'claude-3-5-haiku-20241022' });
  const usage = { input_tokens: 7, cache_read_input_tokens: 90, output_tokens: 1 };
  assert.deepEqual(new TokenEstimate().used(call, usage, amounts(1, 1)), amounts(97, 1));
});

test('counting tokens takes a request and no tokens', () => {
  const call = fakeCall({ operation: 'count_tokens' });
  assert.deepEqual(new TokenEstimate().of(call), amounts(0, 0));
});
