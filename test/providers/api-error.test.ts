import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { FailureScope, Reason } from '../../src/completion/errors.ts';
import { errorEvent, refusal } from '../../src/providers/api-error.ts';
import { callOf, errorOf } from './calls.ts';
import { errorFixtures } from './fixtures.ts';
import { providerFor, upstream } from './upstream.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const DAY_MS = 86_400_000;

type Expected = readonly [reason: Reason, retryable: boolean, scope: FailureScope, retryAfter?: number];

const EXPECTED: Readonly<Record<string, Expected>> = {
  '400-image-dimensions-too-large': ['INVALID_REQUEST', false, 'none'],
  '400-invalid-request': ['INVALID_REQUEST', false, 'none'],
  '400-own-spend-limit': ['RATE_LIMITED', true, 'credential', 10.583_333_333 * DAY_MS],
  '400-prefill-not-supported': ['INVALID_REQUEST', false, 'none'],
  '400-sampling-removed-2026-10-21': ['INVALID_REQUEST', false, 'none'],
  '400-thinking-modified': ['INVALID_REQUEST', false, 'none'],
  '400-thread-unsupported': ['INVALID_REQUEST', false, 'none'],
  '400-unknown-beta': ['INVALID_REQUEST', false, 'none'],
  '401-authentication': ['UPSTREAM_CREDENTIALS', true, 'credential'],
  '402-billing': ['UPSTREAM_CREDENTIALS', true, 'credential'],
  '402-linked-organization': ['UPSTREAM_CREDENTIALS', true, 'credential'],
  '403-permission': ['PERMISSION_DENIED', false, 'none'],
  '404-not-found': ['NOT_FOUND', false, 'none'],
  '404-thread-not-found': ['NOT_FOUND', false, 'none'],
  '408-request-timeout-nonstandard': ['UPSTREAM_UNAVAILABLE', true, 'endpoint'],
  '409-conflict': ['UPSTREAM_UNAVAILABLE', true, 'none'],
  '412-precondition': ['INVALID_REQUEST', false, 'none'],
  '413-request-too-large': ['REQUEST_TOO_LARGE', false, 'none'],
  '413-too-large-after-decoding': ['REQUEST_TOO_LARGE', false, 'none'],
  '422-unprocessable-nonstandard': ['INVALID_REQUEST', false, 'none'],
  '429-contract-spend-limit': ['RATE_LIMITED', true, 'credential'],
  '429-ramp-limit': ['RATE_LIMITED', true, 'limit', 30_000],
  '429-rate-limit': ['RATE_LIMITED', true, 'limit', 13_000],
  '429-spend-cap-no-retry-after': ['RATE_LIMITED', true, 'credential', 10.583_333_333 * DAY_MS],
  '499-client-closed': ['UPSTREAM_UNAVAILABLE', true, 'none'],
  '500-api-error': ['UPSTREAM_UNAVAILABLE', true, 'endpoint'],
  '502-bad-gateway-html': ['UPSTREAM_UNAVAILABLE', true, 'endpoint'],
  '503-cmek-unreachable': ['UPSTREAM_UNAVAILABLE', true, 'endpoint'],
  '504-timeout': ['UPSTREAM_UNAVAILABLE', true, 'endpoint'],
  '529-compaction-unavailable': ['UPSTREAM_OVERLOADED', true, 'none'],
  '529-overloaded': ['UPSTREAM_OVERLOADED', true, 'model'],
  'empty-body-500': ['UPSTREAM_UNAVAILABLE', true, 'endpoint'],
  'unknown-type-418': ['INVALID_REQUEST', false, 'none'],
};

const refuse = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  refusal({ status, headers }, typeof body === 'string' ? body : JSON.stringify(body), NOW, {});

const apiBody = (type: string, message = 'Said by the API', details?: object) => ({
  type: 'error',
  error: { type, message, details },
});

describe('refusals of the Messages API', () => {
  it('has an expectation for every fixture', () => {
    assert.deepEqual(
      errorFixtures()
        .map((fixture) => fixture.name)
        .toSorted(),
      Object.keys(EXPECTED).toSorted(),
    );
  });

  for (const { name, status, headers, body } of errorFixtures()) {
    it(`${name} becomes ${EXPECTED[name]?.[0]}`, async (test) => {
      const server = await upstream(test, (response) => {
        for (const [header, value] of Object.entries(headers)) if (value !== null) response.setHeader(header, value);
        response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
      });
      const provider = providerFor(test, server.url, { clock: { now: () => 0, epoch: () => NOW } });
      const call = callOf();

      const error = await errorOf(provider.send(call));

      const [reason, retryable, scope, retryAfter] = EXPECTED[name] ?? [];
      assert.deepEqual([error.reason, error.retryable, error.scope], [reason, retryable, scope]);
      assert.equal(
        error.retryAfter && Math.round(error.retryAfter / 1000),
        retryAfter && Math.round(retryAfter / 1000),
      );
      assert.equal(error.upstream.status, status);
      assert.equal(error.upstream.requestId, headers['request-id'] ?? undefined);
      assert.equal(error.head?.status, status);
      assert.deepEqual(error.metadata, { account: 'primary', region: 'local' });
      assert.equal(call.trace.upstreamStatus, status);
    });
  }

  it('names the field as the relay spells it, and what is wrong with it in the words of the API', () => {
    const refusalOf = (message: string) => refuse(400, apiBody('invalid_request_error', message));
    const violationsOf = (message: string) => refusalOf(message).violations;
    const modified = refusalOf('messages.1.content.0: `thinking` blocks cannot be modified.');
    assert.deepEqual(modified.violations, [
      { field: 'messages[1].content[0]', description: '`thinking` blocks cannot be modified.' },
    ]);
    assert.match(modified.message, /Look at messages\[1\]\.content\[0\]\.$/);
    assert.equal(violationsOf('max_tokens: Field required')[0]?.field, 'max_tokens');
    assert.equal(violationsOf('Note: this is no path.')[0]?.field, '');
    assert.equal(violationsOf('The conversation must end with a user message.')[0]?.field, '');
  });

  it('holds the account to blame, not the caller, where its credit is used up', () => {
    const message = 'Your credit balance is too low to access the Anthropic API.';
    const { reason, scope, violations } = refuse(400, apiBody('invalid_request_error', message));
    const billing = refuse(402, apiBody('billing_error', message));
    assert.deepEqual([reason, scope, violations], [billing.reason, billing.scope, []]);
  });

  it('names each image that is too large', () => {
    const fixture = errorFixtures().find(({ name }) => name === '400-image-dimensions-too-large');
    assert.deepEqual(
      refuse(400, fixture?.body).violations.map(({ field }) => field),
      ['messages[0].content[1]', 'messages[0].content[1].content[0]'],
    );
  });

  it('keeps violations short enough for gRPC trailers, however many fields are wrong', () => {
    const message = 'x'.repeat(50_000);
    const paths = Array.from({ length: 600 }, () => 'messages.0.content'.repeat(100));
    for (const details of [undefined, { paths }]) {
      const { violations } = refuse(400, apiBody('invalid_request_error', message, details));
      assert(violations.length >= 1);
      assert(JSON.stringify(violations).length < 4_000);
    }
  });

  it('passes nothing of foreign bodies on', () => {
    for (const status of [301, 400, 403, 404, 418, 429, 500, 502]) {
      const error = refuse(status, '<html>secret-marker</html>');
      assert.doesNotMatch(inspect(error), /secret-marker/);
      const shaped = refuse(status, { error: { type: 'secret-marker <b>', message: 7, details: { error_code: {} } } });
      assert.doesNotMatch(inspect(shaped), /secret-marker/);
    }
  });

  it('tells the answer of the API from that of a wrong address', () => {
    assert.equal(refuse(404, '<html>default backend</html>').reason, 'UPSTREAM_UNAVAILABLE');
    assert.equal(refuse(404, apiBody('not_found_error')).reason, 'NOT_FOUND');
    assert.equal(refuse(302, '').reason, 'UPSTREAM_UNAVAILABLE');
  });

  it('takes no account out for a 403, which may be about what one prompt holds', () => {
    for (const body of ['<html>blocked</html>', apiBody('forbidden')]) {
      const { reason, scope, retryable } = refuse(403, body);
      assert.deepEqual([reason, scope, retryable], ['UPSTREAM_CREDENTIALS', 'endpoint', true]);
    }
    assert.equal(refuse(403, apiBody('permission_error')).scope, 'none');
  });

  it('asks nobody to wait for what waiting cannot cure', () => {
    const headers = { 'retry-after': '5' };
    assert.equal(refuse(400, apiBody('invalid_request_error'), headers).retryAfter, undefined);
    assert.equal(refuse(503, '', headers).retryAfter, 5_000);
    assert.equal(refuse(429, '', { ...headers, 'x-should-retry': 'false' }).retryAfter, 5_000, 'its limit cools down');
  });

  it('goes by the code before the type, and by the type before the status', () => {
    assert.equal(
      refuse(400, apiBody('invalid_request_error', '', { error_code: 'organization_on_hold' })).scope,
      'credential',
    );
    assert.equal(refuse(500, apiBody('overloaded_error')).reason, 'UPSTREAM_OVERLOADED');
    assert.equal(
      refuse(409, apiBody('conflict_error', '', { error_code: 'skill_read_blocked_undecryptable' })).retryable,
      false,
    );
    assert.equal(refuse(500, apiBody('constructor', '', { error_code: '__proto__' })).reason, 'UPSTREAM_UNAVAILABLE');
  });

  it('obeys x-should-retry, except where another credential may serve', () => {
    const no = { 'x-should-retry': 'false' };
    assert.equal(refuse(529, apiBody('overloaded_error'), no).retryable, false);
    assert.equal(refuse(400, apiBody('invalid_request_error'), { 'x-should-retry': 'true' }).retryable, true);
    assert.equal(refuse(401, apiBody('authentication_error'), no).retryable, true);
    assert.equal(refuse(401, apiBody('authentication_error'), no).upstream.shouldRetry, false);
  });

  it('reads every spelling of the wait', () => {
    const variants: Record<string, string | number | null>[] = JSON.parse(
      readFileSync(new URL('../fixtures/headers/retry-after-variants.json', import.meta.url), 'utf8'),
    );
    for (const { expect_ms: expected, ...variant } of variants) {
      const headers = Object.fromEntries(Object.entries(variant).map(([header, value]) => [header, String(value)]));
      if (expected === undefined) continue;
      assert.equal(refuse(429, '', headers).retryAfter, expected ?? undefined, JSON.stringify(variant));
    }
  });

  it('classifies error events inside a stream alike', () => {
    const inStream = (type: string, details?: object) =>
      errorEvent({ status: 200, headers: {} }, JSON.stringify(apiBody(type, 'Said', details)), NOW, {});
    assert.equal(inStream('overloaded_error').reason, 'UPSTREAM_OVERLOADED');
    assert.equal(inStream('overloaded_error').scope, 'model');
    assert.equal(inStream('rate_limit_error').reason, 'RATE_LIMITED');
    assert.equal(inStream('api_error').reason, 'UPSTREAM_UNAVAILABLE');
    assert.equal(inStream('timeout_error').reason, 'UPSTREAM_UNAVAILABLE');
    assert.equal(inStream('invalid_request_error').violations[0]?.description, 'Said');
    assert.equal(inStream('new_error').reason, 'UPSTREAM_UNAVAILABLE');
    assert.equal(inStream('rate_limit_error', { error_code: 'enforced_spend_limit_reached' }).scope, 'credential');
    assert.deepEqual(inStream('overloaded_error').upstream, { status: 200, type: 'overloaded_error' });
  });
});
