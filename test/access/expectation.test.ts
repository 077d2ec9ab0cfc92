import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { consumptionOf, type Expectation, expectationOf } from '../../src/access/expectation.ts';
import { priceBook } from '../../src/completion/price.ts';

const AT = Date.parse('2026-11-20T12:00:00Z');
const PRICES = priceBook();

function expectation(request: Record<string, unknown>, model = 'claude-opus-5'): Expectation {
  return expectationOf({ model, body: JSON.stringify({ model, ...request }), maxTokens: 1000 }, AT);
}

function user(content: unknown): Record<string, unknown> {
  return { messages: [{ role: 'user', content }] };
}

describe('what is expected of a call', () => {
  it('has a token for every three bytes of its request, so that no script comes cheap', () => {
    const english = expectation(user('a'.repeat(3000))).usage.inputTokens;
    const chinese = expectation(user('你'.repeat(1000))).usage.inputTokens;
    assert.equal(english, chinese);
    assert.ok(english >= 1000 && english < 1050, String(english));
  });

  it('has less for the base64 of images and PDFs, but no less for text in the same field', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBO'.repeat(75_000) } };
    const { inputTokens } = expectation(user([image, image])).usage;
    assert.ok(inputTokens >= 12_000 && inputTokens < 12_200, String(inputTokens));
    const text = {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'some words '.repeat(3000) },
    };
    assert.ok(expectation(user([text])).usage.inputTokens >= 11_000);
  });

  it('is read to its end where a body is cut within base64', () => {
    const { usage } = expectationOf({ model: 'm', body: `{"data":"${'A'.repeat(2000)}`, maxTokens: 1 }, AT);
    assert.ok(usage.inputTokens > 0);
  });

  it('has all of max_tokens as output, and the price of it', () => {
    const expected = expectation(user('a'.repeat(3000)));
    const { tokens, usd } = consumptionOf(expected, {}, PRICES);
    const input = expected.usage.inputTokens;
    assert.equal(tokens, input + 1000);
    assert.equal(usd, (input * 5 + 1000 * 25) / 1e6);
  });

  it('has its input written to the cache where the request asks for that, for as long as it asks', () => {
    const short = expectation({ ...user('x'), cache_control: { type: 'ephemeral' } });
    const long = expectation({ ...user('x'), cache_control: { type: 'ephemeral', ttl: '1h' } });
    const output = 1000 * 25;
    assert.equal(consumptionOf(short, {}, PRICES).usd, (short.usage.inputTokens * 6.25 + output) / 1e6);
    assert.equal(consumptionOf(long, {}, PRICES).usd, (long.usage.inputTokens * 10 + output) / 1e6);
  });

  it('knows the speed and the place that the request asks for, at its top level only', () => {
    const { price } = expectation({ ...user('x'), speed: 'fast', inference_geo: 'us' });
    assert.deepEqual([price.speed, price.inferenceGeo], ['fast', 'us']);
    const tool = { name: 'x', input_schema: { properties: { speed: { enum: ['fast'] } } } };
    assert.equal(expectation({ ...user('"speed":"fast"'), tools: [tool] }).price.speed, undefined);
    assert.equal(expectation({ ...user('x'), speed: null }).price.speed, undefined);
  });

  it('cannot be made cheaper by spelling a field with escapes or spaces', () => {
    for (const key of [String.raw`"spee\u0064"`, String.raw`"\u0073peed"`, '"speed" \n']) {
      const body = `{"messages":[],${key}: "fast"}`;
      assert.equal(expectationOf({ model: 'm', body, maxTokens: 1 }, AT).price.speed, 'fast', key);
    }
  });
});

describe('what a call consumed', () => {
  it('counts cache reads as dollars, not as tokens', () => {
    const usage = {
      input_tokens: 100,
      cache_creation_input_tokens: 200,
      cache_read_input_tokens: 10_000,
      output_tokens: 50,
    };
    const { tokens, usd } = consumptionOf(expectation(user('x')), usage, PRICES);
    assert.equal(tokens, 350);
    assert.equal(usd, (100 * 5 + 200 * 6.25 + 10_000 * 0.5 + 50 * 25) / 1e6);
  });

  it('is as expected where it is not known, and never nothing', () => {
    const expected = expectation(user('a'.repeat(3000)));
    assert.equal(consumptionOf(expected, { input_tokens: 700 }, PRICES).tokens, 1700);
    assert.equal(consumptionOf(expected, { output_tokens: 7 }, PRICES).tokens, expected.usage.inputTokens + 7);
  });

  it('is priced as of the dearest model where the price is not known', () => {
    const { usd } = consumptionOf(
      expectation(user('x'), 'claude-mythos-5-2'),
      { input_tokens: 0, output_tokens: 1e6 },
      PRICES,
    );
    assert.equal(usd, 75);
  });
});
