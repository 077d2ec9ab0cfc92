import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { completeUsage, priceBook, priceOf } from '../../src/completion/price.ts';
import type { Usage } from '../../src/completion/usage.ts';

const AT = Date.parse('2026-11-20T00:00:00Z');
const NOTHING = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
} as const satisfies Usage;

/** Prices below Haiku's step: a hundred thousand tokens, times ten. */
function perMillion(model: string, usage: (tokens: number) => Usage, at = AT): number | undefined {
  const price = priceOf(model, { ...NOTHING, ...usage(100_000) }, { at });
  return price === undefined ? undefined : Number((price * 10).toFixed(6));
}

function columns(model: string, at = AT): (number | undefined)[] {
  return [
    perMillion(model, (tokens) => ({ input_tokens: tokens }), at),
    perMillion(
      model,
      (tokens) => ({
        cache_creation_input_tokens: tokens,
        cache_creation: { ephemeral_5m_input_tokens: tokens, ephemeral_1h_input_tokens: 0 },
      }),
      at,
    ),
    perMillion(
      model,
      (tokens) => ({
        cache_creation_input_tokens: tokens,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: tokens },
      }),
      at,
    ),
    perMillion(model, (tokens) => ({ cache_read_input_tokens: tokens }), at),
    perMillion(model, (tokens) => ({ output_tokens: tokens }), at),
  ];
}

/** Written out once more, independently of the table: input, 5m write, 1h write, cache read, output. */
const PUBLISHED: Readonly<Record<string, readonly number[]>> = {
  'claude-fable-5-2': [8, 10, 16, 0.2, 40],
  'claude-fable-5-1': [10, 12.5, 20, 0.25, 50],
  'claude-mythos-5-1': [10, 12.5, 20, 0.25, 50],
  'claude-fable-5': [10, 12.5, 20, 1, 50],
  'claude-mythos-5': [10, 12.5, 20, 1, 50],
  'claude-opus-5-5': [4, 5, 8, 0.2, 20],
  'claude-opus-5': [5, 6.25, 10, 0.5, 25],
  'claude-opus-4-8': [5, 6.25, 10, 0.5, 25],
  'claude-opus-4-7': [5, 6.25, 10, 0.5, 25],
  'claude-opus-4-6': [5, 6.25, 10, 0.5, 25],
  'claude-opus-4-5': [5, 6.25, 10, 0.5, 25],
  'claude-opus-4-5-20251101': [5, 6.25, 10, 0.5, 25],
  'claude-opus-4-1-20250805': [15, 18.75, 30, 1.5, 75],
  'claude-opus-4-20250514': [15, 18.75, 30, 1.5, 75],
  'claude-sonnet-5-5': [2, 2.5, 4, 0.1, 10],
  'claude-sonnet-5': [2, 2.5, 4, 0.2, 10],
  'claude-sonnet-4-6': [3, 3.75, 6, 0.3, 15],
  'claude-sonnet-4-5': [3, 3.75, 6, 0.3, 15],
  'claude-sonnet-4-5-20250929': [3, 3.75, 6, 0.3, 15],
  'claude-haiku-5-5': [0.1, 0.125, 0.2, 0.01, 0.5],
  'claude-haiku-4-5': [1, 1.25, 2, 0.1, 5],
  'claude-haiku-4-5-20251001': [1, 1.25, 2, 0.1, 5],
  'claude-3-5-haiku-20241022': [0.8, 1, 1.6, 0.08, 4],
};

describe('the price of a call', () => {
  for (const [model, published] of Object.entries(PUBLISHED)) {
    it(`is the published one for ${model}`, () => {
      assert.deepEqual(columns(model), published);
    });
  }

  it('is not known for models that have no published price', () => {
    for (const model of ['claude-mythos-5-2', 'claude-mythos-preview', 'claude-opus-4-9', 'claude-opus', 'gpt-5', '']) {
      assert.equal(priceOf(model, { ...NOTHING, input_tokens: 1 }, { at: AT }), undefined, model);
    }
  });

  it('changes on the day on which the price changed', () => {
    const before = Date.parse('2026-10-06T23:59:59.999Z');
    assert.equal(columns('claude-sonnet-5-5', before)[3], 0.2);
    assert.equal(columns('claude-sonnet-5-5', before + 1)[3], 0.1);
  });

  it('steps up for all tokens of a long prompt to Haiku 5.5, counting cache reads and writes', () => {
    const usage = {
      input_tokens: 50_000,
      cache_read_input_tokens: 30_000,
      cache_creation_input_tokens: 20_000,
      output_tokens: 1000,
    };
    const short = (50_000 * 0.1 + 30_000 * 0.01 + 20_000 * 0.125 + 1000 * 0.5) / 1e6;
    const long = (50_001 * 0.5 + 30_000 * 0.05 + 20_000 * 0.625 + 1000 * 2.5) / 1e6;
    assertClose(priceOf('claude-haiku-5-5', usage, { at: AT }), short);
    assertClose(priceOf('claude-haiku-5-5', { ...usage, input_tokens: 50_001 }, { at: AT }), long);
  });

  it('is halved in batches, whether the usage or the caller says so', () => {
    const usage = { ...NOTHING, input_tokens: 1_000_000, output_tokens: 1_000_000 };
    assertClose(priceOf('claude-sonnet-4-6', usage, { at: AT, batch: true }), 9);
    assertClose(priceOf('claude-sonnet-4-6', { ...usage, service_tier: 'batch' }, { at: AT }), 9);
  });

  it('is a tenth higher within the US for models that have the choice, and unknown for other places', () => {
    const usage = { ...NOTHING, input_tokens: 1_000_000 };
    assertClose(priceOf('claude-opus-4-6', usage, { at: AT, inferenceGeo: 'us' }), 5.5);
    assertClose(priceOf('claude-opus-4-6', { ...usage, inference_geo: 'global' }, { at: AT, inferenceGeo: 'us' }), 5);
    assertClose(priceOf('claude-opus-4-5', usage, { at: AT, inferenceGeo: 'us' }), 5);
    assert.equal(priceOf('claude-opus-4-6', usage, { at: AT, inferenceGeo: 'eu' }), undefined);
    assert.equal(priceOf('claude-opus-4-6', usage, { at: AT, inferenceGeo: 'toString' }), undefined);
  });

  it('is that of fast mode where it is sold, cache multipliers on top', () => {
    const at = { at: AT, speed: 'fast' };
    assertClose(priceOf('claude-opus-5', { ...NOTHING, input_tokens: 1e6, output_tokens: 1e6 }, at), 60);
    assertClose(priceOf('claude-opus-4-8', { ...NOTHING, input_tokens: 1e6, output_tokens: 1e6 }, at), 60);
    assertClose(priceOf('claude-opus-5-5', { ...NOTHING, input_tokens: 1e6, output_tokens: 1e6 }, at), 48);
    assertClose(priceOf('claude-opus-5-5', { ...NOTHING, cache_read_input_tokens: 1e6 }, at), 0.4);
    assert.equal(priceOf('claude-fable-5-2', { ...NOTHING, input_tokens: 1 }, at), undefined);
    assert.equal(priceOf('claude-opus-5', { ...NOTHING, input_tokens: 1 }, { ...at, batch: true }), undefined);
    assertClose(priceOf('claude-opus-5', { ...NOTHING, input_tokens: 1e6, speed: 'standard' }, at), 5);
  });

  it('charges a cache write of unknown life as the request asked for it', () => {
    const usage = { ...NOTHING, cache_creation_input_tokens: 1e6 };
    assertClose(priceOf('claude-haiku-4-5', usage, { at: AT }), 1.25);
    assertClose(priceOf('claude-haiku-4-5', usage, { at: AT, cacheWriteLife: '1h' }), 2);
    const partly = { ...usage, cache_creation: { ephemeral_1h_input_tokens: 400_000 } };
    assertClose(priceOf('claude-haiku-4-5', partly, { at: AT }), 0.8 + 0.75);
  });

  it('has web searches in it, which nothing discounts', () => {
    const usage = { ...NOTHING, server_tool_use: { web_search_requests: 3 } };
    assertClose(priceOf('claude-haiku-4-5', usage, { at: AT, batch: true }), 0.03);
  });

  it('is not known while a counter is missing', () => {
    for (const counter of Object.keys(NOTHING)) {
      const usage: Usage = Object.fromEntries(Object.entries(NOTHING).filter(([name]) => name !== counter));
      assert.equal(priceOf('claude-haiku-4-5', usage, { at: AT }), undefined, counter);
    }
  });
});

describe('counters that the upstream left out', () => {
  const estimate = { inputTokens: 1000, outputTokens: 64, caching: false };

  it('are taken from the estimate, as plain input without prompt caching', () => {
    assert.deepEqual(completeUsage({}, estimate), { ...NOTHING, input_tokens: 1000, output_tokens: 64 });
    assert.deepEqual(completeUsage({ input_tokens: 10, output_tokens: 4 }, estimate), {
      ...NOTHING,
      input_tokens: 10,
      output_tokens: 4,
    });
  });

  it('are taken as written to the cache where the request asks for caching', () => {
    const caching = { ...estimate, caching: true };
    assert.equal(completeUsage({ input_tokens: 10 }, caching).cache_creation_input_tokens, 990);
    assert.equal(completeUsage({ cache_creation_input_tokens: 900 }, caching).input_tokens, 100);
  });

  it('never change what is known', () => {
    const counter = fc.option(fc.nat(), { nil: undefined });
    const usages = fc.record({
      input_tokens: counter,
      output_tokens: counter,
      cache_creation_input_tokens: counter,
      cache_read_input_tokens: counter,
    });
    const estimates = fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat(), caching: fc.boolean() });
    fc.assert(
      fc.property(usages, estimates, (drawn, estimate) => {
        const usage: Usage = Object.fromEntries(Object.entries(drawn).filter(([, value]) => value !== undefined));
        const complete = completeUsage(usage, estimate);
        assert.deepEqual({ ...complete, ...usage }, complete);
        assert.notEqual(priceOf('claude-opus-5', complete, { at: AT }), undefined);
      }),
    );
  });
});

describe('a price book', () => {
  it('takes overrides before the list, exact ids before patterns and longer patterns before shorter ones', () => {
    const row = { cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 0 };
    const book = priceBook([
      { models: ['claude-*'], input: 1, ...row },
      { models: ['claude-opus-*'], input: 2, ...row },
      { models: ['claude-opus-5'], input: 3, ...row },
      { models: ['claude-haiku-4-5'], from: '2027-01-01', input: 4, ...row },
    ]);
    const usage = { ...NOTHING, input_tokens: 1_000_000 };
    assert.equal(book.priceOf('claude-mythos-5-2', usage, { at: AT }), 1);
    assert.equal(book.priceOf('claude-opus-9', usage, { at: AT }), 2);
    assert.equal(book.priceOf('claude-opus-5-20270101', usage, { at: AT }), 3);
    assert.equal(book.priceOf('claude-haiku-4-5', usage, { at: AT }), 1, 'the list price until the override begins');
    assert.equal(book.priceOf('claude-haiku-4-5', usage, { at: Date.parse('2027-01-01') }), 4);
  });

  it('refuses an override that starts on no date', () => {
    const row = { input: 1, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 0 };
    assert.throws(() => priceBook([{ models: ['claude-x'], from: 'soon', ...row }]), /claude-x starts on no date/);
  });

  it('knows what the dearest model would cost, which no known price exceeds', () => {
    const book = priceBook();
    const count = fc.nat(2_000_000);
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(PUBLISHED)),
        fc.record({
          input_tokens: count,
          output_tokens: count,
          cache_creation_input_tokens: count,
          cache_read_input_tokens: count,
        }),
        fc.record({
          at: fc.constant(AT),
          speed: fc.constantFrom('standard', 'fast'),
          inferenceGeo: fc.constantFrom('global', 'us'),
          batch: fc.boolean(),
          cacheWriteLife: fc.constantFrom('5m' as const, '1h' as const),
        }),
        (model, usage, options) => {
          const price = book.priceOf(model, usage, options);
          if (price !== undefined) assert.ok(price <= book.dearest(usage, options) * (1 + 1e-12));
        },
      ),
    );
  });
});

function assertClose(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
}
