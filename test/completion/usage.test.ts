import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { priceOf } from '../../src/completion/price.ts';
import { addUsage, mergeUsage, readUsage } from '../../src/completion/usage.ts';

const AT = Date.parse('2026-11-23');

describe('what is read of the usage of an answer', () => {
  it('is everything that its price depends on, and nothing else', () => {
    const priced = {
      input_tokens: 10,
      output_tokens: 20,
      cache_creation_input_tokens: 300,
      cache_read_input_tokens: 4000,
      cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
      server_tool_use: { web_search_requests: 3 },
      service_tier: 'standard',
      inference_geo: 'us',
      speed: 'standard',
    };
    const other = { iterations: [{}], server_tool_use: { ...priced.server_tool_use, web_fetch_requests: 1 } };
    assert.deepEqual(readUsage({ ...priced, ...other }), priced);
  });

  it('leaves out what is of another kind than the API has it', () => {
    const odd = { input_tokens: '10', output_tokens: null, cache_creation: null, server_tool_use: 5, speed: 1 };
    assert.deepEqual(readUsage(odd), {});
    assert.deepEqual(readUsage({ cache_creation: { ephemeral_5m_input_tokens: '1' } }), { cache_creation: {} });
    for (const count of [-1, 1.5, 1e300, Number.POSITIVE_INFINITY, Number.NaN, '7']) {
      assert.deepEqual(readUsage({ output_tokens: count, input_tokens: 3 }), { input_tokens: 3 });
    }
    for (const usage of [undefined, null, 'usage', 7]) assert.deepEqual(readUsage(usage), {});
  });

  it('tells a cache entry of an hour from one of five minutes, and counts searches', () => {
    const counters = {
      input_tokens: 0,
      output_tokens: 0,
      cache_creation_input_tokens: 1e6,
      cache_read_input_tokens: 0,
    };
    const price = (more: object): number =>
      priceOf('claude-opus-4-5', readUsage({ ...counters, ...more }), { at: AT }) ?? Number.NaN;
    const fiveMinutes = price({ cache_creation: { ephemeral_5m_input_tokens: 1e6, ephemeral_1h_input_tokens: 0 } });
    const anHour = price({ cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 1e6 } });
    assert.equal(anHour / fiveMinutes, 2 / 1.25);
    assert.equal(price({ server_tool_use: { web_search_requests: 100 } }) - price({}), 1);
  });

  it('keeps of the start of a stream what its end does not tell anew', () => {
    const start = readUsage({ input_tokens: 1, output_tokens: 1, cache_creation: { ephemeral_1h_input_tokens: 5 } });
    assert.deepEqual(mergeUsage(start, readUsage({ output_tokens: 9 })), { ...start, output_tokens: 9 });
  });
});

test('what two answers used is added up, counter by counter, and stays a usage', () => {
  const one = {
    input_tokens: 10,
    output_tokens: 5,
    cache_creation: { ephemeral_5m_input_tokens: 3 },
    service_tier: 'standard',
    inference_geo: 'global',
  };
  const other = {
    input_tokens: 7,
    cache_read_input_tokens: 2,
    cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 4 },
    server_tool_use: { web_search_requests: 1 },
    service_tier: 'batch',
    speed: 'fast',
  };
  assert.deepEqual(addUsage(one, other), {
    input_tokens: 17,
    output_tokens: 5,
    cache_read_input_tokens: 2,
    cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 4 },
    server_tool_use: { web_search_requests: 1 },
    service_tier: 'standard',
    inference_geo: 'global',
    speed: 'fast',
  });
  assert.deepEqual(addUsage(one, {}), one);
  assert.deepEqual(addUsage({}, one), one);
});
