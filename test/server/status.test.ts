import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { REASONS, type Reason, RelayError, type RelayErrorOptions } from '../../src/completion/errors.ts';
import { startTrace } from '../../src/completion/trace.ts';
import { wireStatus } from '../../src/server/status.ts';
import { errorDetails } from './support.ts';

const CONTEXT = { requestId: 'r-1', tenant: 'search', trace: startTrace(0) };

function statusOf(reason: Reason, options: RelayErrorOptions = {}, message = 'Do something.') {
  const wire = wireStatus(new RelayError(reason, message, options), CONTEXT);
  const [pushback] = wire.metadata.get('grpc-retry-pushback-ms');
  return { ...wire, details: errorDetails(wire.metadata), pushback, message: wire.details };
}

for (const [reason, facts] of Object.entries(REASONS) as [Reason, (typeof REASONS)[Reason]][]) {
  test(`${reason} is ${facts.status} on the wire, with its reason and the request id`, () => {
    const { code, details } = statusOf(reason);
    assert.equal(code, status[facts.status]);
    assert.equal(details.ErrorInfo.reason, reason);
    assert.equal(details.ErrorInfo.domain, 'claude-relay');
    assert.equal(details.ErrorInfo.metadata['request_id'], 'r-1');
  });
}

test('what is known of the attempt is in the metadata, and what is not known is left out', () => {
  const trace = { ...startTrace(0), account: 'primary', region: 'us-east', attempts: 3, upstreamStatus: 500 };
  const error = new RelayError('UPSTREAM_OVERLOADED', 'Wait.', {
    upstream: { status: 529, type: 'overloaded_error', requestId: 'req_9' },
    metadata: { retry_count: '0' },
  });
  const { metadata } = errorDetails(wireStatus(error, { ...CONTEXT, trace }).metadata).ErrorInfo;
  assert.deepEqual(metadata, {
    request_id: 'r-1',
    upstream_status: '529',
    upstream_error_type: 'overloaded_error',
    upstream_request_id: 'req_9',
    account: 'primary',
    region: 'us-east',
    attempts: '3',
    retry_count: '0',
  });
  assert.deepEqual(statusOf('INVALID_REQUEST').details.ErrorInfo.metadata, { request_id: 'r-1' });
});

test('whoever should come back is told when, in details and in pushback', () => {
  const { details, pushback } = statusOf('RATE_LIMITED', { retryAfter: 2_500.2 });
  assert.deepEqual(details['RetryInfo'], { retry_delay: { seconds: 2, nanos: 501_000_000 } });
  assert.equal(pushback, '2501');
});

test('a failure that the relay has retried, or that no retry cures, tells gRPC clients not to retry', () => {
  for (const reason of ['UPSTREAM_UNAVAILABLE', 'INVALID_REQUEST', 'UNAUTHENTICATED', 'STREAM_INTERRUPTED'] as const) {
    assert.equal(statusOf(reason).pushback, '-1');
  }
  assert.equal(statusOf('DRAINING').pushback, undefined, 'another replica can take the call at once');
});

test('a pushback fits the 32 bits that clients read', () => {
  assert.equal(statusOf('BUDGET_EXCEEDED', { retryAfter: 1e12 }).pushback, String(2 ** 31 - 1));
  assert.equal(statusOf('RATE_LIMITED', { retryAfter: -5 }).pushback, '0');
});

test('quotas say whose they are, and always when to come back', () => {
  const { details } = statusOf('QUOTA_EXCEEDED', {}, 'The tenant has spent its quota.');
  assert.partialDeepStrictEqual(details['QuotaFailure'], {
    violations: [{ subject: 'tenant:search', description: 'The tenant has spent its quota.' }],
  });
  assert.ok(details['RetryInfo']);
  const named = statusOf('BUDGET_EXCEEDED', { metadata: { subject: 'tenant:ads' } }).details['QuotaFailure'];
  assert.match(JSON.stringify(named), /tenant:ads/);
});

test('whatever the strings hold, the trailers can be sent and fit into 8 KiB', () => {
  const long = '\ud800 "ü\n%'.repeat(5_000);
  const { message, metadata } = statusOf(
    'INVALID_REQUEST',
    {
      violations: Array.from({ length: 500 }, (_, i) => ({ field: `messages[${i}]`, description: long })),
      metadata: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key_${i}`, long])),
      upstream: { type: long, requestId: long },
    },
    long,
  );
  let size = encodeURI(message).length;
  for (const [key, value] of Object.entries(metadata.toHttp2Headers())) size += key.length + String(value).length + 32;
  assert.ok(size <= 8192, `${size} bytes`);
});
