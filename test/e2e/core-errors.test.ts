/** Whatever goes wrong upstream reaches callers as the right status with its details, and nothing of foreign text with it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ServiceError, status } from '@grpc/grpc-js';
import { errorFixtures } from '../providers/fixtures.ts';
import { delta, JSON_HEADERS, START, STREAM_HEADERS, sse } from '../providers/upstream.ts';
import { errorDetails } from '../server/support.ts';
import { ask, type CoreRelay, type Event, startCore } from './core-relay.ts';

const ORGANIZATION = '0b5fe1c0-organization-of-the-operator';
const CODES: Readonly<Record<string, status>> = {
  INVALID_REQUEST: status.INVALID_ARGUMENT,
  REQUEST_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  NOT_FOUND: status.NOT_FOUND,
  UPSTREAM_CREDENTIALS: status.UNAVAILABLE,
  UPSTREAM_UNAVAILABLE: status.UNAVAILABLE,
  UPSTREAM_OVERLOADED: status.UNAVAILABLE,
  STREAM_INTERRUPTED: status.UNAVAILABLE,
};

/** What each refusal of the API becomes; the wait is in whole seconds, 1 where the relay itself says it. */
const REFUSALS: Readonly<Record<string, { readonly reason: string; readonly wait?: number }>> = {
  '400-image-dimensions-too-large': { reason: 'INVALID_REQUEST' },
  '400-invalid-request': { reason: 'INVALID_REQUEST' },
  '400-own-spend-limit': { reason: 'RATE_LIMITED', wait: Infinity },
  '400-prefill-not-supported': { reason: 'INVALID_REQUEST' },
  '400-sampling-removed-2026-10-21': { reason: 'INVALID_REQUEST' },
  '400-thinking-modified': { reason: 'INVALID_REQUEST' },
  '400-thread-unsupported': { reason: 'INVALID_REQUEST' },
  '400-unknown-beta': { reason: 'INVALID_REQUEST' },
  '401-authentication': { reason: 'UPSTREAM_CREDENTIALS' },
  '402-billing': { reason: 'UPSTREAM_CREDENTIALS' },
  '402-linked-organization': { reason: 'UPSTREAM_CREDENTIALS' },
  '403-permission': { reason: 'PERMISSION_DENIED' },
  '404-not-found': { reason: 'NOT_FOUND' },
  '404-thread-not-found': { reason: 'NOT_FOUND' },
  '408-request-timeout-nonstandard': { reason: 'UPSTREAM_UNAVAILABLE', wait: 1 },
  '409-conflict': { reason: 'UPSTREAM_UNAVAILABLE', wait: 1 },
  '412-precondition': { reason: 'INVALID_REQUEST' },
  '413-request-too-large': { reason: 'REQUEST_TOO_LARGE' },
  '413-too-large-after-decoding': { reason: 'REQUEST_TOO_LARGE' },
  '422-unprocessable-nonstandard': { reason: 'INVALID_REQUEST' },
  '429-contract-spend-limit': { reason: 'RATE_LIMITED', wait: 1 },
  '429-ramp-limit': { reason: 'RATE_LIMITED', wait: 30 },
  '429-rate-limit': { reason: 'RATE_LIMITED', wait: 13 },
  '429-spend-cap-no-retry-after': { reason: 'RATE_LIMITED', wait: Infinity },
  '499-client-closed': { reason: 'UPSTREAM_UNAVAILABLE', wait: 1 },
  '500-api-error': { reason: 'UPSTREAM_UNAVAILABLE', wait: 1 },
  '502-bad-gateway-html': { reason: 'UPSTREAM_UNAVAILABLE', wait: 1 },
  '503-cmek-unreachable': { reason: 'UPSTREAM_UNAVAILABLE', wait: 1 },
  '504-timeout': { reason: 'UPSTREAM_UNAVAILABLE', wait: 1 },
  '529-compaction-unavailable': { reason: 'UPSTREAM_OVERLOADED', wait: 1 },
  '529-overloaded': { reason: 'UPSTREAM_OVERLOADED', wait: 1 },
  'empty-body-500': { reason: 'UPSTREAM_UNAVAILABLE', wait: 1 },
  'unknown-type-418': { reason: 'INVALID_REQUEST' },
};

const BLOCK = sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
const BLOCK_END = sse('content_block_stop', { index: 0 });
const SECRET = 'internal-host-7.example';

function streaming(response: ServerResponse, ...events: readonly string[]): ServerResponse {
  response.writeHead(200, STREAM_HEADERS);
  for (const event of events) response.write(event);
  return response;
}

interface Breakage {
  readonly answer: (response: ServerResponse) => void;
  /** For a streaming caller; what of the stream has reached it by then. */
  readonly streamed: string;
  readonly events?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** For a unary caller, whose call the upstream answers in the same way. */
  readonly whole: string;
}

/** Answers that begin with a 200 and are none. */
const BREAKAGES: Readonly<Record<string, Breakage>> = {
  'an error event after content': {
    answer: (response) => {
      const error = sse('error', { error: { type: 'overloaded_error', message: SECRET } });
      streaming(response, START, BLOCK, delta('Hé😀'), BLOCK_END, error).end();
    },
    streamed: 'STREAM_INTERRUPTED',
    events: 4,
    metadata: { blocks: '1', characters: '3', upstream_error_type: 'overloaded_error' },
    whole: 'UPSTREAM_OVERLOADED',
  },
  'an error event before content': {
    answer: (response) => {
      streaming(response, START, sse('error', { error: { type: 'api_error', message: SECRET } })).end();
    },
    streamed: 'UPSTREAM_UNAVAILABLE',
    metadata: { upstream_error_type: 'api_error' },
    whole: 'UPSTREAM_UNAVAILABLE',
  },
  'a connection cut in the middle of a stream': {
    answer: (response) => {
      streaming(response, START, BLOCK).write(delta('Hello'), () => response.socket?.resetAndDestroy());
    },
    streamed: 'STREAM_INTERRUPTED',
    events: 3,
    metadata: { blocks: '0', characters: '5' },
    whole: 'STREAM_INTERRUPTED',
  },
  'a stream that ends without message_stop': {
    answer: (response) => {
      streaming(response, START, BLOCK, delta('Hello'), BLOCK_END).end();
    },
    streamed: 'STREAM_INTERRUPTED',
    events: 4,
    metadata: { blocks: '1', characters: '5' },
    whole: 'STREAM_INTERRUPTED',
  },
  'a stream without any event': {
    answer: (response) => {
      streaming(response).end();
    },
    streamed: 'STREAM_INTERRUPTED',
    whole: 'STREAM_INTERRUPTED',
  },
  'a stream of text that is no event': {
    answer: (response) => {
      streaming(response, START, BLOCK, delta('Hi'), `event: content_block_delta\ndata: ${SECRET}\n\n`).end();
    },
    streamed: 'STREAM_INTERRUPTED',
    events: 3,
    whole: 'STREAM_INTERRUPTED',
  },
  'HTML with status 200': {
    answer: (response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<html>${SECRET}</html>`);
    },
    streamed: 'UPSTREAM_UNAVAILABLE',
    whole: 'UPSTREAM_UNAVAILABLE',
  },
  'JSON that is no object': {
    answer: (response) => {
      response.writeHead(200, JSON_HEADERS).end(`"${SECRET}"`);
    },
    streamed: 'UPSTREAM_UNAVAILABLE',
    whole: 'UPSTREAM_UNAVAILABLE',
  },
  'JSON that breaks off': {
    answer: (response) => {
      response.writeHead(200, JSON_HEADERS).end(`{"id":"${SECRET}"`);
    },
    streamed: 'UPSTREAM_UNAVAILABLE',
    whole: 'UPSTREAM_UNAVAILABLE',
  },
  'a whole answer whose connection is cut': {
    answer: (response) => {
      const headers = { ...JSON_HEADERS, 'content-length': 1000 };
      response.writeHead(200, headers).write('{"id":"', () => response.socket?.destroy());
    },
    streamed: 'UPSTREAM_UNAVAILABLE',
    whole: 'UPSTREAM_UNAVAILABLE',
  },
  'a connection closed before any answer': {
    answer: (response) => void response.socket?.destroy(),
    streamed: 'UPSTREAM_UNAVAILABLE',
    whole: 'UPSTREAM_UNAVAILABLE',
  },
};

/** Everything of a failed call that went over the wire, as one text. */
function wire(error: ServiceError): string {
  const trailers = Object.entries(error.metadata.getMap()).map(([key, value]) => `${key}: ${value.toString('latin1')}`);
  return [error.details, error.message, ...trailers].join('\n');
}

/** Strings within a JSON document. */
function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
}

describe('failures upstream', () => {
  /** By the first segment of the path, of which each account has its own. */
  const answers = new Map<string, (response: ServerResponse) => void>();
  const upstream = createServer((request, response) => {
    const answer = answers.get(request.url?.split('/')[1] ?? '');
    request.resume().on('end', () => answer?.(response));
  });
  let core: CoreRelay;

  const cases = [
    ...errorFixtures().map(({ name, status: code, headers, body }) => ({
      name,
      answer: (response: ServerResponse) => {
        for (const [header, value] of Object.entries(headers)) if (value !== null) response.setHeader(header, value);
        response.setHeader('anthropic-organization-id', ORGANIZATION);
        response.writeHead(code).end(typeof body === 'string' ? body : JSON.stringify(body));
      },
    })),
    ...Object.entries(BREAKAGES).map(([name, { answer }]) => ({ name, answer })),
  ];
  /** What fails is set aside for a while: each way of calling each case has an account, and so a model, of its own. */
  const modelOf = (rpc: string, name: string): string => `${rpc}-${name.replaceAll(' ', '-')}`;

  before(async () => {
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const { port } = upstream.address() as AddressInfo;
    const accounts = cases.flatMap(({ name, answer }) =>
      ['Complete', 'CompleteStream'].map((rpc) => {
        const model = modelOf(rpc, name);
        answers.set(model, answer);
        const regions = [{ name: 'local', base_url: `http://127.0.0.1:${port}/${model}` }];
        return { name: model, api_key: 'sk-test', models: [model], regions };
      }),
    );
    core = await startCore({ accounts, upstream: { retry: { max_attempts: 1 } } });
  });
  after(async () => {
    await core[Symbol.asyncDispose]();
    upstream.close();
    upstream.closeAllConnections();
  });

  async function fail(rpc: string, name: string): Promise<{ error: ServiceError; events: readonly Event[] }> {
    const model = modelOf(rpc, name);
    const request = ask(name, { model });
    const { error, events }: { error?: ServiceError; events?: Event[] } =
      rpc === 'Complete' ? await core.client.ask(rpc, request) : await core.client.readStream(request);
    assert(error !== undefined, 'the call must fail');
    const { ErrorInfo: info } = errorDetails(error.metadata);
    assert.equal(info.domain, 'claude-relay');
    assert.equal(error.code, CODES[info.reason]);
    assert.equal(info.metadata['account'], model);
    assert.equal(info.metadata['region'], 'local');
    assert.equal(info.metadata['attempts'], '1');
    assert.match(info.metadata['request_id'] ?? '', /^[0-9a-f-]{36}$/);
    assert.ok(!wire(error).includes(SECRET) && !wire(error).includes(ORGANIZATION), wire(error));
    return { error, events: events ?? [] };
  }

  for (const { name, status: code, headers, body } of errorFixtures()) {
    const expected = REFUSALS[name];
    for (const rpc of ['Complete', 'CompleteStream']) {
      it(`${rpc}: ${name} becomes ${expected?.reason}, with details and without foreign text`, async () => {
        const { error } = await fail(rpc, name);
        const details = errorDetails(error.metadata);
        const { reason, metadata } = details.ErrorInfo;
        assert.equal(reason, expected?.reason);
        assert.equal(metadata['upstream_status'], String(code));
        assert.equal(metadata['upstream_request_id'], headers['request-id'] ?? undefined);
        const told =
          typeof body === 'object' ? (body as { error: { type: string; message: string } }).error : undefined;
        assert.equal(metadata['upstream_error_type'], told?.type);

        const retry = details['RetryInfo'] as { retry_delay: { seconds: number } } | undefined;
        const seconds = retry === undefined ? undefined : retry.retry_delay.seconds;
        if (expected?.wait === Infinity) assert.ok(seconds !== undefined && seconds >= 1);
        else assert.equal(seconds, expected?.wait);

        const violations = (details['BadRequest'] as { field_violations: { description: string }[] } | undefined)
          ?.field_violations;
        if (reason === 'INVALID_REQUEST' && told !== undefined) {
          assert.ok(violations?.every(({ description }) => told.message.includes(description)));
        } else {
          assert.equal(violations, undefined);
          for (const text of strings(body).filter((found) => found.includes(' '))) {
            assert.ok(!wire(error).includes(text), `"${text}" is the upstream's own text`);
          }
        }
        assert.doesNotMatch(wire(error), /<\w+>/);
      });
    }
  }

  for (const [name, { streamed, events: count = 0, metadata = {}, whole }] of Object.entries(BREAKAGES)) {
    it(`CompleteStream: ${name} becomes ${streamed}`, async () => {
      const { error, events } = await fail('CompleteStream', name);
      const info = errorDetails(error.metadata).ErrorInfo;
      assert.equal(info.reason, streamed);
      assert.equal(events.length, count);
      assert.deepEqual({ ...info.metadata, ...metadata }, info.metadata);
    });
    it(`Complete: ${name} becomes ${whole}`, async () => {
      const { error } = await fail('Complete', name);
      assert.equal(errorDetails(error.metadata).ErrorInfo.reason, whole);
    });
  }
});
