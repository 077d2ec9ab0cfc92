import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amounts, LimitSet } from '../../src/endpoints/limit-set.ts';
import { modelClass } from '../../src/endpoints/model-class.ts';
import { readRateLimits } from '../../src/endpoints/rate-limit-headers.ts';
import { EPOCH } from './fakes.ts';

/** Head of an answer as recorded from the API. */
const HEADERS = {
  'request-id': 'req_fh1',
  'anthropic-ratelimit-requests-limit': '4000',
  'anthropic-ratelimit-requests-remaining': '3997',
  'anthropic-ratelimit-requests-reset': '2026-11-20T10:00:00Z',
  'anthropic-ratelimit-tokens-limit': '280000',
  'anthropic-ratelimit-tokens-remaining': '279000',
  'anthropic-ratelimit-tokens-reset': '2026-11-20T10:00:01Z',
  'anthropic-ratelimit-input-tokens-limit': '200000',
  'anthropic-ratelimit-input-tokens-remaining': '199000',
  'anthropic-ratelimit-input-tokens-reset': '2026-11-20T10:00:01Z',
};

test('limits are read from the headers, the combined one only without its parts', () => {
  assert.deepEqual(readRateLimits(HEADERS, EPOCH), [
    { kind: 'requests', limit: 4000, remaining: 3997, resetIn: 0 },
    { kind: 'input_tokens', limit: 200_000, remaining: 199_000, resetIn: 1000 },
  ]);
  const { 'anthropic-ratelimit-input-tokens-limit': _, ...combined } = HEADERS;
  assert.deepEqual(readRateLimits(combined, EPOCH)[1], {
    kind: 'tokens',
    limit: 280_000,
    remaining: 279_000,
    resetIn: 1000,
  });
});

test('headers that are no numbers or dates tell nothing', () => {
  assert.deepEqual(readRateLimits({ 'anthropic-ratelimit-requests-limit': 'many' }, EPOCH), []);
  const broken = {
    ...HEADERS,
    'anthropic-ratelimit-requests-remaining': '',
    'anthropic-ratelimit-requests-reset': 'soon',
  };
  assert.deepEqual(readRateLimits(broken, EPOCH)[0], {
    kind: 'requests',
    limit: 4000,
    remaining: undefined,
    resetIn: undefined,
  });
});

test('an empty bucket whose reset lies beyond an even refill starts later', () => {
  const set = new LimitSet({}, 10_000);
  set.learn({ kind: 'requests', limit: 60, remaining: 0, resetIn: 90_000 }, 0);
  assert.equal(set.waitFor(amounts(0, 0), 0), 31_000);
});

test('permits for concurrent calls come back when calls end', () => {
  const set = new LimitSet({ concurrentRequests: 1 }, 10_000);
  set.take(amounts(1, 1), 0);
  assert.equal(set.waitFor(amounts(1, 1), 0), Number.POSITIVE_INFINITY);
  set.release(amounts(1, 1), amounts(1, 1));
  assert.equal(set.waitFor(amounts(1, 1), 0), 0);
});

const CLASSES: readonly [string, string][] = [
  ['claude-opus-4-8', 'opus-4'],
  ['claude-opus-4-5-20251101', 'opus-4'],
  ['claude-opus-5', 'opus-5'],
  ['claude-sonnet-4-6', 'sonnet-4'],
  ['claude-sonnet-5-5', 'sonnet-5'],
  ['claude-haiku-4-5-20251001', 'haiku-4'],
  ['claude-3-5-haiku-20241022', 'haiku-3'],
  ['anthropic.claude-sonnet-4-5-20250929-v1:0', 'sonnet-4'],
  ['something-else', 'other'],
];

for (const [model, expected] of CLASSES) {
  test(`${model} is limited as ${expected}`, () => assert.equal(modelClass('messages', model), expected));
}

test('counting tokens and listing models are limited apart', () => {
  assert.equal(modelClass('count_tokens', 'claude-opus-5'), 'count_tokens');
  assert.equal(modelClass('models', ''), 'models');
});
