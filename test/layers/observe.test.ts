import { DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply, Settlement } from '../../src/completion/reply.ts';
import { DEFAULT_ROUTING } from '../../src/completion/routing.ts';
import { type RelayInfoTrace, startTrace } from '../../src/completion/trace.ts';
import { type CallLine, type CallMetrics, observe } from '../../src/layers/observe.ts';

function callWith(trace: Partial<RelayInfoTrace> = {}, signal = new AbortController().signal): Call {
  return {
    id: 'r-1',
    operation: 'messages',
    body: '{"messages":"secret prompt"}',
    digest: () => '',
    model: 'claude-a',
    maxTokens: 1,
    wantsStream: true,
    tenant: 'search',
    options: { betas: [], apiVersion: '2023-06-01' },
    routing: DEFAULT_ROUTING,
    cache: DEFAULT_CACHE_POLICY,
    selfContained: true,
    traceContext: {},
    deadline: Infinity,
    signal,
    trace: { ...startTrace(100), ...trace },
  };
}

function observer() {
  const told: unknown[][] = [];
  const lines: [string, CallLine][] = [];
  const tell =
    (name: string) =>
    (...args: unknown[]): void => {
      told.push([name, ...args]);
    };
  const metrics: CallMetrics = {
    callBegun: tell('begun'),
    callEnded: tell('ended'),
    callCounted: tell('counted'),
    cacheLookup: tell('cache'),
    tokensUsed: tell('tokens'),
    costIncurred: tell('cost'),
    costSaved: tell('saved'),
  };
  const priceOf = (_call: Call, { input_tokens: tokens }: { input_tokens?: number }): number | undefined => tokens;
  const { layer, refused } = observe({ now: () => 150, metrics, priceOf, log: (...line) => lines.push(line) });
  return { layer, refused, told, lines };
}

function replyOf(settled: Promise<Settlement>): Reply {
  return { kind: 'whole', body: '{}', settled };
}

test('a call counts when its answer has ended, not when it opens', async () => {
  const { layer, told, lines } = observer();
  const settled = Promise.withResolvers<Settlement>();
  await layer(async () => replyOf(settled.promise))(callWith({ upstreamTime: 30, queued: 5, account: 'primary' }));
  assert.deepEqual(told, [['begun', true]]);
  settled.resolve({ outcome: 'delivered', usage: { input_tokens: 7 } });
  await settled.promise;
  assert.deepEqual(told.slice(1), [
    ['ended', true],
    ['counted', { status: 'OK', total: 50, overhead: 15 }],
    ['cache', 'UNSPECIFIED'],
    ['tokens', 'search', 'claude-a', { input_tokens: 7 }],
    ['cost', 'search', 'claude-a', 7],
  ]);
  const [[level, line] = []] = lines;
  assert.equal(level, 'info');
  assert.deepEqual(
    [line?.status, line?.reason, line?.total_ms, line?.account, line?.usage],
    ['OK', undefined, 50, 'primary', { input_tokens: 7 }],
  );
  assert.ok(!JSON.stringify(lines).includes('secret'));
});

test('a refusal of a layer beneath counts with its status, and is passed on', async () => {
  const { layer, told, lines } = observer();
  const error = new RelayError('RATE_LIMITED', 'Wait.');
  await assert.rejects(
    layer(async () => {
      throw error;
    })(callWith()),
    error,
  );
  assert.deepEqual(told.slice(0, 3), [
    ['begun', true],
    ['ended', true],
    ['counted', { status: 'RESOURCE_EXHAUSTED', total: 50, overhead: 50 }],
  ]);
  assert.equal(lines[0]?.[0], 'warn');
});

test('what is thrown and is no RelayError counts as INTERNAL', async () => {
  const { layer, lines } = observer();
  await assert.rejects(
    layer(async () => {
      throw new TypeError('bug');
    })(callWith()),
    TypeError,
  );
  assert.deepEqual([lines[0]?.[0], lines[0]?.[1].reason], ['error', 'INTERNAL']);
});

for (const [what, settlement, reason, expected] of [
  ['the caller that went away', { outcome: 'abandoned' }, 'CANCELLED', 'CANCELLED'],
  ['its deadline', { outcome: 'abandoned' }, 'DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'],
  ['nobody having read it', { outcome: 'abandoned' }, undefined, 'CANCELLED'],
  [
    'the upstream',
    { outcome: 'failed', error: new RelayError('UPSTREAM_OVERLOADED', 'Wait.') },
    undefined,
    'UNAVAILABLE',
  ],
] as const) {
  test(`an answer ended by ${what} counts as ${expected}, with what it used`, async () => {
    const { layer, told } = observer();
    const controller = new AbortController();
    const settled = Promise.withResolvers<Settlement>();
    await layer(async () => replyOf(settled.promise))(callWith({}, controller.signal));
    if (reason !== undefined) controller.abort(new RelayError(reason, 'Over.'));
    settled.resolve({ ...settlement, usage: { output_tokens: 2 } });
    await settled.promise;
    assert.ok(told.some(([name, figures]) => name === 'counted' && JSON.stringify(figures).includes(expected)));
    assert.ok(told.some(([name]) => name === 'tokens'));
  });
}

test('a cached answer saves what it would have cost, and uses no tokens', async () => {
  const { layer, told } = observer();
  const settled = Promise.resolve<Settlement>({ outcome: 'delivered', usage: { input_tokens: 9 } });
  await layer(async () => replyOf(settled))(callWith({ cacheStatus: 'HIT' }));
  await settled;
  assert.deepEqual(told.slice(-2), [
    ['cache', 'HIT'],
    ['saved', 'search', 'claude-a', 9],
  ]);
});

test('a line says which trace the call belongs to, where its caller told', async () => {
  const { layer, lines } = observer();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const settled = Promise.resolve<Settlement>({ outcome: 'delivered', usage: {} });
  await layer(async () => replyOf(settled))({ ...callWith({}), traceContext: { traceparent } });
  await layer(async () => replyOf(settled))({ ...callWith({}), traceContext: {} });
  await settled;
  assert.deepEqual(
    lines.map(([, line]) => line.trace_id),
    ['0af7651916cd43dd8448eb211c80319c', undefined],
  );
});

test('a refusal at the edge counts once, and was never in flight', () => {
  const { refused, told, lines } = observer();
  refused({ id: 'r-2', error: new RelayError('UNAUTHENTICATED', 'Send a token.'), trace: startTrace(149) });
  assert.deepEqual(told, [['counted', { status: 'UNAUTHENTICATED', total: 1 }]]);
  assert.deepEqual([lines[0]?.[1].request_id, lines[0]?.[1].tenant], ['r-2', '']);
});
