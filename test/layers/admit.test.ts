import { DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryQuotaStore } from '../../src/access/memory-quota-store.ts';
import { Quotas } from '../../src/access/quota.ts';
import type { QuotaStore, Used } from '../../src/access/quota-store.ts';
import { ANONYMOUS, type Tenant } from '../../src/access/tenant.ts';
import type { Call } from '../../src/completion/call.ts';
import { type Reason, RelayError } from '../../src/completion/errors.ts';
import { priceBook } from '../../src/completion/price.ts';
import type { Reply, Settlement, StreamEvent } from '../../src/completion/reply.ts';
import { DEFAULT_ROUTING } from '../../src/completion/routing.ts';
import type { Service } from '../../src/completion/service.ts';
import { startTrace } from '../../src/completion/trace.ts';
import { admit } from '../../src/layers/admit.ts';

const NOON = Date.parse('2026-11-20T12:00:00Z');
const MODEL = 'claude-opus-5';
/** 90 bytes: 30 tokens. */
const BODY = JSON.stringify({ model: MODEL, pad: 'x'.repeat(90 - 34) });
const MAX_TOKENS = 1000;
const EXPECTED_USD = (30 * 5 + MAX_TOKENS * 25) / 1e6;

/** The memory store, with what was settled beside it. */
class Ledger implements QuotaStore {
  readonly used: Used[] = [];
  readonly #store = new MemoryQuotaStore();
  readonly reserve: QuotaStore['reserve'] = (lease) => this.#store.reserve(lease);
  readonly settle: QuotaStore['settle'] = (lease, used, now) => {
    this.used.push(used);
    return this.#store.settle(lease, used, now);
  };
}

function relay(permissions: Partial<Tenant>, next: Service) {
  const clock = { now: NOON };
  const ledger = new Ledger();
  const tenants = new Map([['search-team', { ...ANONYMOUS, name: 'search-team', ...permissions }]]);
  const reported: unknown[] = [];
  const layer = admit({
    tenants,
    quotas: new Quotas(ledger, () => clock.now),
    prices: priceBook(),
    now: () => clock.now,
    report: (error) => reported.push(error),
  });
  return { clock, ledger, tenants, reported, service: layer(next) };
}

function call(change: Partial<Call> = {}, region = ''): Call {
  return {
    id: 'call-1',
    operation: 'messages',
    body: BODY,
    digest: () => '',
    model: MODEL,
    maxTokens: MAX_TOKENS,
    wantsStream: false,
    tenant: 'search-team',
    traceContext: {},
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    trace: startTrace(0),
    options: { betas: [], apiVersion: '2023-06-01' },
    routing: { ...DEFAULT_ROUTING, region },
    cache: DEFAULT_CACHE_POLICY,
    selfContained: true,
    ...change,
  };
}

function whole(settled: Promise<Settlement>): Reply {
  return { kind: 'whole', body: '{}', settled };
}

function delivered(usage: Settlement['usage'] = {}): Promise<Settlement> {
  return Promise.resolve({ outcome: 'delivered', usage });
}

/** Everything that waits for a promise resolved by now has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function assertRefused(attempt: Promise<unknown>, reason: Reason, message: RegExp = /./): Promise<RelayError> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RelayError, String(error));
  assert.equal(error.reason, reason);
  assert.match(error.message, message);
  return error;
}

describe('admit', () => {
  it('hands a call on with the weight of its tenant, and the reply back as it is where there are no limits', async () => {
    const asked = call();
    const reply = whole(delivered());
    const { service } = relay({ weight: 3 }, (passed) => {
      assert.deepEqual(passed, { ...asked, routing: { ...asked.routing, tenantWeight: 3 } });
      assert.equal(passed.trace, asked.trace);
      return Promise.resolve(reply);
    });
    assert.equal(await service(asked), reply);
  });

  it('refuses models, regions and tenants before anything is counted', async () => {
    const { service, tenants } = relay(
      { models: ['claude-haiku-*'], regions: ['eu-west', 'eu-north'], limits: { requestsPerMinute: 1 } },
      () => Promise.resolve(whole(delivered())),
    );
    const model = 'claude-haiku-4-5';
    await assertRefused(service(call()), 'PERMISSION_DENIED', /claude-haiku-\*/);
    await assertRefused(service(call({ model })), 'PERMISSION_DENIED', /eu-west, eu-north/);
    await assertRefused(service(call({ model }, 'us-east')), 'PERMISSION_DENIED', /eu-west, eu-north/);
    await service(call({ model }, 'eu-north'));
    await assertRefused(service(call({ model }, 'eu-north')), 'QUOTA_EXCEEDED');
    tenants.clear();
    await assertRefused(service(call({ model }, 'eu-north')), 'UNAUTHENTICATED');
  });

  it('keeps the calls of a tenant with one region there', async () => {
    const regions: string[] = [];
    const { service } = relay({ regions: ['eu-west'] }, (passed) => {
      regions.push(passed.routing.region);
      return Promise.resolve(whole(delivered()));
    });
    await service(call());
    assert.deepEqual(regions, ['eu-west']);
  });

  it('does not ask a list of models for its model', async () => {
    const { service } = relay({ models: [] }, () => Promise.resolve(whole(delivered())));
    await service(call({ operation: 'models', model: '', body: '' }));
    await assertRefused(service(call({ operation: 'count_tokens' })), 'PERMISSION_DENIED');
  });

  it('holds a concurrent call until the answer is over, not until it opens', async () => {
    const over = Promise.withResolvers<Settlement>();
    const { service } = relay({ limits: { concurrentRequests: 1 } }, () => Promise.resolve(whole(over.promise)));
    await service(call());
    await assertRefused(service(call()), 'QUOTA_EXCEEDED');
    over.resolve({ outcome: 'abandoned', usage: {} });
    await settled();
    await service(call());
  });

  it('gives everything but the request back when the call fails', async () => {
    const { service, ledger } = relay({ limits: { concurrentRequests: 1, usdPerDay: 1, tokensPerMinute: 10 } }, () =>
      Promise.reject(new RelayError('UPSTREAM_OVERLOADED', 'busy')),
    );
    for (let attempt = 0; attempt < 5; attempt += 1) await assertRefused(service(call()), 'UPSTREAM_OVERLOADED');
    assert.deepEqual(ledger.used.at(-1), { tokens: 0, nanoUsd: 0 });
  });

  it('never lets 50 concurrent calls overspend a budget for 10 by more than one', async () => {
    const over = Promise.withResolvers<Settlement>();
    const budget = 9.5 * EXPECTED_USD;
    let under = 0;
    const { service, ledger } = relay({ limits: { usdPerDay: budget } }, () => {
      under += 1;
      return Promise.resolve(whole(over.promise));
    });
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => service(call())));
    assert.equal(under, 10);
    const refused = outcomes.find(({ status }) => status === 'rejected');
    assert.ok(refused?.status === 'rejected' && refused.reason instanceof RelayError);
    assert.equal(refused.reason.reason, 'BUDGET_EXCEEDED');
    assert.equal(refused.reason.metadata['quota'], 'usd_per_day');

    over.resolve({ outcome: 'delivered', usage: { input_tokens: 30, output_tokens: MAX_TOKENS } });
    await settled();
    const spent = ledger.used.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0) / 1e9;
    assert.ok(spent > budget && spent <= budget + EXPECTED_USD, `${spent} of ${budget}`);
    await assertRefused(service(call()), 'BUDGET_EXCEEDED');
  });

  it('lets the rest of a budget be used once calls turn out cheaper than expected', async () => {
    const { service } = relay({ limits: { usdPerDay: EXPECTED_USD } }, () =>
      Promise.resolve(whole(delivered({ input_tokens: 30, output_tokens: 1 }))),
    );
    for (let count = 0; count < 20; count += 1) {
      await service(call());
      await settled();
    }
  });

  it('counts a cached or shared answer as a request, and as nothing else', async () => {
    for (const cacheStatus of ['HIT', 'SIMILAR', 'COALESCED'] as const) {
      const usage = { input_tokens: 500, output_tokens: 500 };
      const { service, ledger } = relay({ limits: { tokensPerMinute: 10_000, requestsPerMinute: 1 } }, (passed) => {
        passed.trace.cacheStatus = cacheStatus;
        return Promise.resolve(whole(delivered(usage)));
      });
      await service(call());
      await settled();
      assert.deepEqual(ledger.used, [{ tokens: 0, nanoUsd: 0 }], cacheStatus);
      await assertRefused(service(call()), 'QUOTA_EXCEEDED');
    }
  });

  it('takes neither tokens nor dollars for counting tokens', async () => {
    const { service, ledger } = relay(
      { limits: { tokensPerMinute: 1, usdPerDay: 0.000001, requestsPerMinute: 9 } },
      () => Promise.resolve(whole(delivered({ input_tokens: 5 }))),
    );
    for (let count = 0; count < 3; count += 1) await service(call({ operation: 'count_tokens' }));
    await settled();
    assert.deepEqual(ledger.used.at(-1), { tokens: 0, nanoUsd: 0 });
  });

  it('charges a call whose usage stays unknown as expected, never as nothing', async () => {
    const { service, ledger } = relay({ limits: { tokensPerMinute: 9000 } }, () => Promise.resolve(whole(delivered())));
    await service(call());
    await settled();
    assert.equal(ledger.used[0]?.tokens, 30 + MAX_TOKENS);
  });

  it('reports a store that fails to settle instead of losing the failure', async () => {
    const broken = new Error('bug');
    const { service, ledger, reported } = relay({ limits: { requestsPerMinute: 9 } }, () =>
      Promise.resolve(whole(delivered())),
    );
    Object.assign(ledger, { settle: () => Promise.reject(broken) });
    await service(call());
    await settled();
    assert.deepEqual(reported, [broken]);
  });
});

describe('a caller that goes away', () => {
  const START = { type: 'message_start', data: '{"type":"message_start"}' };
  const TEXT = {
    type: 'content_block_delta',
    data: `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${'a'.repeat(150)}"}}`,
  };
  const END = { type: 'message_delta', data: '{"type":"message_delta","usage":{"output_tokens":60}}' };

  /** A stream that settles as abandoned when it is given up; `usage` is what the upstream has told by then. */
  function stream(events: readonly StreamEvent[], usage: Settlement['usage']): Reply & { readonly kind: 'stream' } {
    const over = Promise.withResolvers<Settlement>();
    async function* generate(): AsyncGenerator<StreamEvent, void> {
      try {
        yield* events;
      } finally {
        over.resolve({ outcome: 'abandoned', usage });
      }
    }
    return { kind: 'stream', events: generate(), settled: over.promise };
  }

  async function charged(events: readonly StreamEvent[], read: number, usage: Settlement['usage']): Promise<number> {
    const { service, ledger } = relay({ limits: { tokensPerMinute: 9000, concurrentRequests: 1 } }, () =>
      Promise.resolve(stream(events, usage)),
    );
    const reply = await service(call({ wantsStream: true }));
    assert.ok(reply.kind === 'stream');
    const iterator = reply.events[Symbol.asyncIterator]();
    for (let event = 0; event < read; event += 1) assert.deepEqual((await iterator.next()).value, events[event]);
    await iterator.return?.();
    await settled();
    await service(call());
    return ledger.used[0]?.tokens ?? Number.NaN;
  }

  it('pays for what was written at least, where that is estimated', async () => {
    const usage = { input_tokens: 40, output_tokens: 100, output_tokens_estimated: true } as const;
    assert.equal(await charged([START, TEXT, TEXT], 3, usage), 40 + 100);
  });

  it('pays what the upstream has counted, where it has', async () => {
    assert.equal(await charged([START, TEXT, END], 3, { input_tokens: 40, output_tokens: 60 }), 40 + 60);
  });

  it('ends the stream beneath, and gives its concurrent call back', async () => {
    assert.equal(await charged([START, TEXT], 1, { input_tokens: 40, output_tokens: 3 }), 40 + 3);
  });

  it('pays for the time that the upstream has worked, where no answer had come', async () => {
    for (const [attempts, queued, tokens] of [
      [1, 0, 30 + 400],
      [1, 3000, 30 + 100],
      [0, 4000, 0],
    ] as const) {
      const { service, ledger, clock } = relay({ limits: { tokensPerMinute: 9000 } }, (passed) => {
        clock.now += 4000;
        Object.assign(passed.trace, { attempts, queued });
        return Promise.reject(new RelayError('CANCELLED', 'gone'));
      });
      await assertRefused(service(call()), 'CANCELLED');
      assert.equal(ledger.used[0]?.tokens, tokens);
    }
  });
});
