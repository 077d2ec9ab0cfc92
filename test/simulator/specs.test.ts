import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { parseLimits } from '../../src/simulator/limits/rules.ts';
import { parseOutputTokens } from '../../src/simulator/output-length.ts';
import { parseCount, parseDuration, parseFraction, SpecError } from '../../src/simulator/spec.ts';

function refuses(parse: () => unknown, message: RegExp): void {
  assert.throws(parse, (error) => {
    assert(error instanceof SpecError);
    assert.match(error.message, message);
    return true;
  });
}

test('durations, counts and fractions are read in their units', () => {
  assert.equal(parseDuration('200ms'), 200);
  assert.equal(parseDuration('1.5s'), 1500);
  assert.equal(parseDuration('2m'), 120_000);
  assert.equal(parseDuration('0'), 0);
  assert.equal(parseDuration('1m30s'), 90_000);
  assert.equal(parseDuration('500us'), 0.5);
  assert.equal(parseDuration('1d'), 86_400_000);
  assert.equal(parseCount('40k'), 40_000);
  assert.equal(parseCount('1.5M'), 1_500_000);
  assert.equal(parseFraction('5%'), 0.05);
  assert.equal(parseFraction('0.25'), 0.25);
  refuses(() => parseDuration('1m30'), /"1m30" is not a duration/);
  refuses(() => parseDuration('200'), /"200" is not a duration: write 200ms/);
  refuses(() => parseCount('1.5'), /"1.5" is not a whole number/);
  refuses(() => parseCount(''), /not a whole number/);
  refuses(() => parseFraction('120%'), /"120%" is not a rate/);
  refuses(() => parseFraction('%'), /"%" is not a rate/);
});

test('a latency has a first byte, a step and jitter', () => {
  assert.deepEqual(parseLatency('200ms'), {
    firstByte: { mean: 200, jitter: 0 },
    step: { mean: 0, jitter: 0 },
    unit: 'token',
  });
  assert.deepEqual(parseLatency('300ms~100ms + 50ms~10ms/event'), {
    firstByte: { mean: 300, jitter: 100 },
    step: { mean: 50, jitter: 10 },
    unit: 'event',
  });
  refuses(() => parseLatency('200ms+20ms'), /"20ms" must end in \/token or \/event/);
  refuses(() => parseLatency('fast'), /"fast" is not a duration/);
  refuses(() => parseLatency('1ms+1ms/token+1ms'), /write FIRST_BYTE/);
});

test('output tokens are a number or a range', () => {
  assert.deepEqual(parseOutputTokens('128'), { from: 128, to: 128 });
  assert.deepEqual(parseOutputTokens('64-256'), { from: 64, to: 256 });
  refuses(() => parseOutputTokens('256-64'), /not a range/);
  refuses(() => parseOutputTokens('0'), /at least 1 token/);
});

test('limits are rules, the first that is for a request holds', () => {
  assert.deepEqual(
    parseLimits('rpm=50,itpm=40k,otpm=8k,ctpm=100;rpm=1k,burst=10s,models=claude-opus-*|x,keys=sk-a*;'),
    [
      {
        requestsPerMinute: 50,
        inputTokensPerMinute: 40_000,
        outputTokensPerMinute: 8_000,
        countTokensPerMinute: 100,
        burst: 60_000,
      },
      { requestsPerMinute: 1_000, burst: 10_000, models: ['claude-opus-*', 'x'], keys: ['sk-a*'] },
    ],
  );
  refuses(() => parseLimits('rpm=0'), /limits "rpm=0": "0" per minute would let nothing through/);
  refuses(() => parseLimits('rps=5'), /"rps=5" is not a setting: write one of rpm=, itpm=/);
  refuses(() => parseLimits('rpm=5,rpm=6'), /"rpm" is set twice/);
  refuses(() => parseLimits('rpm='), /"rpm" has no value/);
});

test('faults are kinds with conditions', () => {
  assert.deepEqual(
    parseFaults('529:rate=5%,models=claude-opus-*; 500:between=10s-20s ;reset:nth=3;cut:after=8,nth=1-2'),
    [
      { kind: '529', rate: 0.05, models: ['claude-opus-*'] },
      { kind: '500', between: { from: 10_000, to: 20_000 } },
      { kind: 'reset', requests: { from: 3, to: 3 } },
      { kind: 'cut', afterEvents: 8, requests: { from: 1, to: 2 } },
    ],
  );
  assert.deepEqual(
    parseFaults('stall:for=5s,on=models|batches;429:retry-after=7,on=all;error-mid:error=api_error,keys=k'),
    [
      { kind: 'stall', duration: 5_000, endpoints: ['models', 'batches'] },
      { kind: '429', retryAfter: 7, endpoints: ['messages', 'count_tokens', 'models', 'batches'] },
      { kind: 'error-mid', errorType: 'api_error', keys: ['k'] },
    ],
  );
  assert.deepEqual(parseFaults(''), []);
  refuses(() => parseFaults('418'), /faults "418": "418" is not a fault: write one of 401, /);
  refuses(() => parseFaults('529:rate=x'), /faults "529:rate=x": "x" is not a rate/);
  refuses(() => parseFaults('529:after=3'), /"after" means nothing to 529/);
  refuses(() => parseFaults('cut:retry-after=3'), /"retry-after" means nothing to cut/);
  refuses(() => parseFaults('500:on=files'), /"files" is not an endpoint/);
});
