import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply } from '../../src/completion/reply.ts';
import { DEFAULT_ROUTING } from '../../src/completion/routing.ts';
import type { Service } from '../../src/completion/service.ts';
import type { AccountOptions } from '../../src/endpoints/account.ts';
import type { PoolOptions } from '../../src/endpoints/pool.ts';
import { balance } from '../../src/layers/balance.ts';
import { gate } from '../../src/layers/gate.ts';
import { retry } from '../../src/layers/retry.ts';
import { RetryBudget } from '../../src/layers/retry-budget.ts';
import {
  answer,
  CONTENT,
  FakeClock,
  type FakePool,
  fakeAccount,
  fakeCall,
  fakePool,
  openAnswer,
  overloaded,
  rateLimited,
  refused,
  START,
  stream,
  turn,
  type Upstream,
  unavailable,
} from './fakes.ts';

interface SetUp extends FakePool {
  readonly clock: FakeClock;
  /** Balance over the pool, alone. */
  readonly once: Service;
  /** Retry above it. */
  readonly service: Service;
}

function setUp(
  t: TestContext,
  accounts: readonly AccountOptions[],
  upstream: Upstream = async () => answer(),
  parts: Partial<PoolOptions<AccountOptions>> = {},
): SetUp {
  const clock = new FakeClock(t.mock.timers);
  const fake = fakePool(clock, accounts, upstream, parts);
  const once = balance(fake.pool, gate({ maxWaitMs: 5000, clock }));
  const service = retry({
    minDelayMs: 100,
    baseDelayMs: 500,
    maxDelayMs: 5000,
    maxAttempts: 4,
    maxWaitMs: 30_000,
    budget: new RetryBudget(0.2, clock),
    elsewhere: (call) => fake.pool.elsewhere(call),
    retried() {},
    clock,
  })(once);
  return { ...fake, clock, once, service };
}

/** Sends so many different calls, each after the one before. */
async function sendMany(service: Service, times: number, parts: Partial<Call> = {}): Promise<RelayError[]> {
  const errors: RelayError[] = [];
  for (let time = 0; time < times; time++) {
    await service(fakeCall(parts)).catch((error: RelayError) => errors.push(error));
    await turn();
  }
  return errors;
}

function hasReason(reason: string) {
  return (error: RelayError) => error.reason === reason;
}

const TWO_REGIONS = [
  { name: 'us', baseUrl: 'http://us.example' },
  { name: 'eu', baseUrl: 'http://eu.example' },
];

const LIMITED = { limits: [{ models: ['*'], requestsPerMinute: 60 }] };

/* Failure scopes */

test('a 429 cools its organization and model class down, and nothing more', async (t) => {
  const upstream: Upstream = async (endpoint, call) => {
    if (endpoint.startsWith('a1') && call.model === 'claude-opus-5') throw rateLimited(20_000);
    return answer();
  };
  const accounts = [
    fakeAccount('a1', { organization: 'a' }),
    fakeAccount('a2', { organization: 'a' }),
    fakeAccount('b'),
  ];
  const { once, sent, pool, clock } = setUp(t, accounts, upstream, {
    routing: { strategy: 'priority', affinity: 'off' },
  });
  await sendMany(once, 1, { model: 'claude-opus-5' });
  await sendMany(once, 2, { model: 'claude-opus-5' });
  await sendMany(once, 1);
  assert.deepEqual(sent, ['a1/us', 'b/us', 'b/us', 'a1/us']);
  assert.deepEqual(
    pool.snapshot().endpoints.map(({ breaker }) => breaker),
    ['closed', 'closed', 'closed'],
  );
  await clock.pass(20_000);
  await sendMany(once, 1, { model: 'claude-opus-5' });
  assert.equal(sent.at(-1), 'a1/us');
});

test('a new cool-down never shortens the one that runs', async (t) => {
  const replies = [rateLimited(20_000), rateLimited(1_000)];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let calls = 0;
  const { once, pool } = setUp(t, [fakeAccount('a')], async () => {
    const turn = calls++;
    await gates[turn]?.promise;
    throw replies[turn] ?? unavailable();
  });
  const both = [once(fakeCall()), once(fakeCall())].map((reply) => assert.rejects(reply));
  gates[0]?.resolve();
  await both[0];
  gates[1]?.resolve();
  await both[1];
  assert.equal(pool.snapshot().modelClasses[0]?.coolingFor, 20_000);
});

test('a 529 sets aside the model in that region, for every account, and nothing more', async (t) => {
  const upstream: Upstream = async (endpoint, call) => {
    if (endpoint.endsWith('/us') && call.model === 'claude-opus-5') throw overloaded();
    return answer();
  };
  const accounts = ['a', 'b'].map((name) => fakeAccount(name, { regions: TWO_REGIONS }));
  const { once, sent, pool, clock } = setUp(t, accounts, upstream, {
    routing: { strategy: 'priority', affinity: 'off' },
  });
  await sendMany(once, 3, { model: 'claude-opus-5' });
  await sendMany(once, 1);
  assert.deepEqual(sent, ['a/us', 'a/eu', 'a/eu', 'a/us']);
  assert.deepEqual(pool.snapshot().overloaded, [{ region: 'us', model: 'claude-opus-5', milliseconds: 1000 }]);
  await clock.pass(1_000);
  assert.deepEqual(pool.snapshot().overloaded, [], 'what has ended is remembered, and not set aside');
});

test('a stray 529 holds nobody up where there is no other region', async (t) => {
  const outcomes = [overloaded()];
  const { once, sent } = setUp(t, [fakeAccount('a'), fakeAccount('b')], async () => {
    const failure = outcomes.pop();
    if (failure !== undefined) throw failure;
    return answer();
  });
  assert.equal((await sendMany(once, 4)).length, 1);
  assert.equal(sent.length, 4);
});

test('a model that goes on being overloaded everywhere is left alone for longer and longer', async (t) => {
  let isOverloaded = true;
  const sentAt: number[] = [];
  const { once, clock } = setUp(t, [fakeAccount('a')], async () => {
    sentAt.push(clock.now());
    if (isOverloaded) throw overloaded();
    return answer();
  });
  await sendMany(once, 1);
  await clock.pass(1_000);
  await sendMany(once, 1);
  const waiting = once(fakeCall());
  await clock.pass(1_999);
  assert.deepEqual(sentAt, [0, 1_000]);
  isOverloaded = false;
  await clock.pass(1);
  await waiting;
  await sendMany(once, 3);
  assert.deepEqual(sentAt, [0, 1_000, 3_000, 3_000, 3_000, 3_000]);
});

test('a refused key takes its account out, and a key that was renewed comes back by itself', async (t) => {
  let valid = false;
  const upstream: Upstream = async (endpoint) => {
    if (endpoint.startsWith('a1') && !valid) throw refused(401);
    return answer();
  };
  const accounts = [
    fakeAccount('a1', { organization: 'a', regions: TWO_REGIONS }),
    fakeAccount('a2', { organization: 'a' }),
  ];
  const { service, sent, clock, pool } = setUp(t, accounts, upstream, {
    routing: { strategy: 'priority', affinity: 'off' },
  });
  assert.deepEqual(await sendMany(service, 2), []);
  assert.deepEqual(sent, ['a1/us', 'a2/us', 'a2/us']);
  assert.equal(pool.snapshot().endpoints[0]?.accountSuspendedFor, 30_000);
  await clock.pass(30_000);
  await sendMany(service, 1);
  assert.equal(pool.snapshot().endpoints[0]?.accountSuspendedFor, 60_000);
  valid = true;
  await clock.pass(60_000);
  sent.length = 0;
  await sendMany(service, 2);
  assert.deepEqual(sent, ['a1/us', 'a1/us']);
});

test('a spend limit takes the whole organization out', async (t) => {
  const upstream: Upstream = async (endpoint) => {
    if (endpoint.startsWith('a')) throw refused(402);
    return answer();
  };
  const accounts = [
    fakeAccount('a1', { organization: 'a' }),
    fakeAccount('a2', { organization: 'a' }),
    fakeAccount('b'),
  ];
  const { service, sent } = setUp(t, accounts, upstream, { routing: { strategy: 'priority', affinity: 'off' } });
  assert.deepEqual(await sendMany(service, 2), []);
  assert.deepEqual(sent, ['a1/us', 'b/us', 'b/us']);
});

test('when every key is refused the caller is told so, and not that it is at fault', async (t) => {
  const { service } = setUp(t, [fakeAccount('a')], async () => Promise.reject(refused(401)));
  await assert.rejects(service(fakeCall()), hasReason('UPSTREAM_CREDENTIALS'));
  await assert.rejects(
    service(fakeCall()),
    (error: RelayError) => error.reason === 'UPSTREAM_CREDENTIALS' && error.retryAfter === 30_000,
  );
});

test('while an account is out of service callers are told why, and when the first comes back', async (t) => {
  const spent = new RelayError('RATE_LIMITED', 'A spend limit is reached.', {
    upstream: { status: 429 },
    scope: 'credential',
    retryAfter: 3_600_000,
  });
  const unpaid = new RelayError('UPSTREAM_CREDENTIALS', 'It cannot be billed.', {
    upstream: { status: 402 },
    scope: 'credential',
  });
  const failures: Record<string, RelayError> = { 'a/us': spent, 'b/us': unpaid, 'c/us': refused(401) };
  const told = async (...names: string[]) => {
    const { service } = setUp(
      t,
      names.map((name) => fakeAccount(name)),
      async (endpoint) => Promise.reject(failures[endpoint]),
    );
    await service(fakeCall()).catch(() => undefined);
    const thrown: unknown = await service(fakeCall()).catch((error: unknown) => error);
    t.mock.timers.reset();
    assert.ok(thrown instanceof RelayError);
    const { reason, message, retryAfter } = thrown;
    return { reason, message, retryAfter };
  };
  const { message: refusal } = refused(401);
  assert.deepEqual(await told('a'), { reason: 'RATE_LIMITED', message: spent.message, retryAfter: 3_600_000 });
  assert.deepEqual(await told('b'), { reason: unpaid.reason, message: unpaid.message, retryAfter: 60_000 });
  assert.deepEqual(await told('a', 'b'), { reason: unpaid.reason, message: unpaid.message, retryAfter: 60_000 });
  assert.deepEqual(await told('c', 'b'), { reason: unpaid.reason, message: refusal, retryAfter: 30_000 });
});

test("the caller's own errors count against nothing", async (t) => {
  const { once, pool } = setUp(t, [fakeAccount('a')], async () =>
    Promise.reject(new RelayError('INVALID_REQUEST', 'bad')),
  );
  await sendMany(once, 50);
  assert.equal(pool.snapshot().endpoints[0]?.breaker, 'closed');
});

test('189 error events at the head of streams in a row open the breaker, and nothing is sent to it then', async (t) => {
  const { once, pool, sent } = setUp(t, [fakeAccount('a')], async () => stream([START], unavailable()));
  const errors = await sendMany(once, 189);
  assert.equal(errors.length, 189);
  assert.equal(pool.snapshot().endpoints[0]?.breaker, 'open');
  assert.equal(sent.length, 5);
  assert.equal(errors.at(-1)?.reason, 'UPSTREAM_UNAVAILABLE');
  assert.ok((errors.at(-1)?.retryAfter ?? 0) > 9_000);
});

test('overload that is told inside an answer counts against the endpoint, overload told at the door does not', async (t) => {
  for (const [status, state] of [
    [200, 'open'],
    [529, 'closed'],
  ] as const) {
    const failure = new RelayError('UPSTREAM_OVERLOADED', 'overloaded', { upstream: { status } });
    const { once, pool } = setUp(t, [fakeAccount('a')], async () => stream([START], failure));
    await sendMany(once, 5);
    assert.equal(pool.snapshot().endpoints[0]?.breaker, state);
    t.mock.timers.reset();
  }
});

test('streams that break after content open the breaker too', async (t) => {
  const { once, pool } = setUp(t, [fakeAccount('a')], async () => stream([START, CONTENT], unavailable()));
  for (let call = 0; call < 5; call++) {
    const reply = await once(fakeCall());
    assert.ok(reply.kind === 'stream');
    await assert.rejects(async () => {
      for await (const _ of reply.events);
    });
    await turn();
  }
  assert.equal(pool.snapshot().endpoints[0]?.breaker, 'open');
});

test('one poisoned request opens no breaker, however often it comes', async (t) => {
  const poison = fakeCall({ body: '{"messages":[{"role":"user","content":"poison"}]}' });
  const upstream: Upstream = async (_, call) => {
    if (call.body === poison.body) throw unavailable();
    return answer();
  };
  const accounts = ['a', 'b', 'c'].map((name) => fakeAccount(name));
  const { service, pool, clock } = setUp(t, accounts, upstream, {
    routing: { strategy: 'round_robin', affinity: 'off' },
  });
  for (let time = 0; time < 30; time++) {
    const failed = assert.rejects(service({ ...poison }));
    await clock.pass(2_000);
    await clock.pass(2_000);
    await failed;
    assert.deepEqual(await sendMany(service, 3), []);
  }
  assert.deepEqual(
    pool.snapshot().endpoints.map(({ breaker }) => breaker),
    ['closed', 'closed', 'closed'],
  );
});

test('within one call the third endpoint and those after it are not blamed', async (t) => {
  const breaker = { errorThresholdPercent: 50, minimumRequests: 1, windowMs: 10_000, openForMs: 10_000 };
  const accounts = ['a', 'b', 'c', 'd'].map((name) => fakeAccount(name));
  const { service, pool, sent } = setUp(t, accounts, async () => Promise.reject(unavailable()), { breaker });
  await assert.rejects(service(fakeCall()));
  assert.equal(new Set(sent).size, 4);
  assert.equal(pool.snapshot().endpoints.filter((endpoint) => endpoint.breaker === 'open').length, 2);
});

test('a caller who goes away blames nobody and gives everything back', async (t) => {
  const upstream: Upstream = (_, call) =>
    new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(unavailable())));
  const { once, pool } = setUp(t, [fakeAccount('a')], upstream);
  for (let time = 0; time < 10; time++) {
    const controller = new AbortController();
    const gone = assert.rejects(once(fakeCall({ signal: controller.signal })));
    await turn();
    controller.abort(new RelayError('CANCELLED', 'gone'));
    await gone;
  }
  const [endpoint] = pool.snapshot().endpoints;
  assert.equal(endpoint?.breaker, 'closed');
  assert.equal(endpoint?.inFlight, 0);
});

test('the prompt of an answer that broke counts towards the limit, since the upstream had read it; a refused one does not', async (t) => {
  const limits = [{ models: ['*'], inputTokensPerMinute: 6_000 }];
  const failures = [
    unavailable({ head: { status: 500, headers: {} } }),
    unavailable({ head: { status: 200, headers: {} } }),
  ];
  const available: number[] = [];
  const { once, pool } = setUp(t, [fakeAccount('a', { limits })], async () => {
    throw failures.shift() ?? unavailable();
  });
  for (let time = 0; time < 2; time++) {
    await assert.rejects(once(fakeCall()));
    available.push(pool.snapshot().modelClasses[0]?.limits[0]?.available ?? 0);
  }
  assert.equal(available[0], 1_000);
  assert.ok((available[1] ?? 0) < 1_000);
});

/* Half-open */

test('a breaker that is half-open gets one call at a time, and real traffic closes it', async (t) => {
  let broken = true;
  const trial = Promise.withResolvers<void>();
  const { once, pool, sent, clock } = setUp(t, [fakeAccount('a')], async () => {
    if (broken) throw unavailable();
    await trial.promise;
    return answer();
  });
  await sendMany(once, 5);
  broken = false;
  await clock.pass(12_500);
  assert.equal(pool.snapshot().endpoints[0]?.breaker, 'half-open');
  const replies = [once(fakeCall()), once(fakeCall())];
  await clock.pass(5_000);
  assert.equal(sent.length, 6);
  trial.resolve();
  await Promise.all(replies);
  assert.equal(sent.length, 7);
  assert.equal(pool.snapshot().endpoints[0]?.breaker, 'closed');
});

/* Waiting */

test('when all are cooling a call waits for the earliest and succeeds within its deadline', async (t) => {
  let limited = true;
  const upstream: Upstream = async (endpoint) => {
    if (limited) throw rateLimited(endpoint.startsWith('a') ? 20_000 : 5_000);
    return answer();
  };
  const { service, sent, clock } = setUp(t, [fakeAccount('a'), fakeAccount('b')], upstream);
  const call = fakeCall({ deadline: 6_000 });
  const reply = service(call);
  await turn();
  assert.equal(sent.length, 2);
  limited = false;
  await clock.pass(4_999);
  assert.equal(sent.length, 2);
  await clock.pass(1);
  await reply;
  assert.equal(sent.at(-1), 'b/us');
  assert.equal(call.trace.queued, 5_000);
  assert.equal(call.trace.attempts, 3);
});

test('a call that cannot be served before its deadline is refused at once with the honest delay', async (t) => {
  const { service } = setUp(t, [fakeAccount('a')], async () => Promise.reject(rateLimited(20_000)));
  await assert.rejects(
    service(fakeCall({ deadline: 10_000 })),
    (error: RelayError) => error.reason === 'RATE_LIMITED' && error.retryAfter === 20_000,
  );
});

test('no call waits past its deadline or the longest wait', async (t) => {
  const { once, clock } = setUp(
    t,
    [fakeAccount('a', { limits: [{ models: ['*'], concurrentRequests: 1 }] })],
    async () => openAnswer().reply,
  );
  await once(fakeCall());
  const late = assert.rejects(once(fakeCall({ deadline: 2_000 })), hasReason('DEADLINE_EXCEEDED'));
  const patient = assert.rejects(once(fakeCall()), hasReason('RATE_LIMITED'));
  await clock.pass(2_000);
  await late;
  await clock.pass(28_000);
  await patient;
});

test('a caller who goes away while it waits leaves the queue at once', async (t) => {
  const { once, pool } = setUp(
    t,
    [fakeAccount('a', { limits: [{ models: ['*'], concurrentRequests: 1 }] })],
    async () => openAnswer().reply,
  );
  await once(fakeCall());
  const controller = new AbortController();
  const reply = once(fakeCall({ signal: controller.signal }));
  await turn();
  assert.equal(pool.snapshot().waiting.interactive, 1);
  const gone = new RelayError('CANCELLED', 'gone');
  controller.abort(gone);
  await assert.rejects(reply, gone);
  assert.equal(pool.snapshot().waiting.interactive, 0);
});

test('a full queue refuses', async (t) => {
  const accounts = [fakeAccount('a', { limits: [{ models: ['*'], concurrentRequests: 1 }] })];
  const { once } = setUp(t, accounts, async () => openAnswer().reply, { queue: { maxLength: 0, maxWaitMs: 30_000 } });
  await once(fakeCall());
  await assert.rejects(once(fakeCall()), hasReason('RATE_LIMITED'));
});

test('a permit that comes back goes to those who wait, and newcomers do not overtake them', async (t) => {
  const open: (() => void)[] = [];
  const order: string[] = [];
  const upstream: Upstream = async (_, call) => {
    order.push(call.tenant);
    const { reply, settle } = openAnswer();
    open.push(settle);
    return reply;
  };
  const { once } = setUp(t, [fakeAccount('a', { limits: [{ models: ['*'], concurrentRequests: 1 }] })], upstream);
  const replies = ['first', 'second', 'third'].map((tenant) => once(fakeCall({ tenant })));
  await turn();
  assert.deepEqual(order, ['first']);
  open[0]?.();
  replies.push(once(fakeCall({ tenant: 'newcomer' })));
  await turn();
  assert.deepEqual(order, ['first', 'second']);
  for (const settle of [1, 2]) {
    open[settle]?.();
    await turn();
  }
  await Promise.all(replies);
  assert.deepEqual(order, ['first', 'second', 'third', 'newcomer']);
});

test('traffic above the limit is spread evenly after the burst', async (t) => {
  const { once, sent, clock } = setUp(t, [fakeAccount('a', LIMITED)]);
  const replies = Array.from({ length: 20 }, () => once(fakeCall()));
  await turn();
  assert.equal(sent.length, 10);
  for (let second = 1; second <= 10; second++) {
    await clock.pass(1000);
    assert.equal(sent.length, 10 + second);
  }
  await Promise.all(replies);
});

test('learned limits never raise a configured one, and the smaller wins', async (t) => {
  const headers = (limit: number) => ({
    'anthropic-ratelimit-requests-limit': String(limit),
    'anthropic-ratelimit-requests-remaining': String(limit),
  });
  let limit = 6_000;
  const { once, sent, clock } = setUp(t, [fakeAccount('a', LIMITED)], async () => answer(undefined, headers(limit)));
  const many = () =>
    Promise.allSettled(Array.from({ length: 30 }, () => once(fakeCall({ deadline: clock.now() + 1 }))));
  await sendMany(once, 1);
  await many();
  assert.equal(sent.length, 10);
  limit = 6;
  await clock.pass(60_000);
  await sendMany(once, 1);
  sent.length = 0;
  await clock.pass(60_000);
  await many();
  assert.equal(sent.length, 1);
});

test('what the upstream says is left corrects what was counted here', async (t) => {
  const headers = { 'anthropic-ratelimit-requests-limit': '60', 'anthropic-ratelimit-requests-remaining': '2' };
  const { once, sent, clock } = setUp(t, [fakeAccount('a')], async () => answer(undefined, headers));
  await sendMany(once, 1);
  await Promise.allSettled(Array.from({ length: 5 }, () => once(fakeCall({ deadline: clock.now() + 1 }))));
  assert.equal(sent.length, 3);
});

/* Routing */

const FOUR = ['a', 'b', 'c', 'd'].map((name) => fakeAccount(name, { regions: TWO_REGIONS }));

function conversation(index: number, turns: number, block?: unknown): Call {
  const history = Array.from({ length: turns }, (_, turn) => ({
    role: turn % 2 === 0 ? 'user' : 'assistant',
    content: `${turn}`,
  }));
  const messages = [
    { role: 'user', content: `Question ${index}` },
    ...history,
    ...(block === undefined ? [] : [{ role: 'assistant', content: [block] }]),
  ];
  return fakeCall({ body: JSON.stringify({ model: 'claude-sonnet-5', messages }) });
}

function organizationOf(endpoint: string | undefined): string {
  return endpoint?.split('/')[0] ?? '';
}

async function home(service: Service, sent: string[], call: Call): Promise<string> {
  await service(call);
  return organizationOf(sent.at(-1));
}

test('turns of one conversation stay with one organization, and conversations spread over all', async (t) => {
  const { service, sent } = setUp(t, FOUR);
  const homes = new Set<string>();
  for (let index = 0; index < 100; index++) {
    const first = await home(service, sent, conversation(index, 0));
    homes.add(first);
    for (let turns = 1; turns < 6; turns++) assert.equal(await home(service, sent, conversation(index, turns)), first);
  }
  assert.equal(homes.size, 4);
});

test('calls with the same affinity key stay together whatever they say', async (t) => {
  const { service, sent } = setUp(t, FOUR, undefined, { routing: { strategy: 'latency', affinity: 'off' } });
  const routing = { ...DEFAULT_ROUTING, affinityKey: 'team' };
  for (let call = 0; call < 20; call++) await service(fakeCall({ routing }));
  assert.equal(new Set(sent.map(organizationOf)).size, 1);
});

test('a full home spills over, and calls return when it has room again', async (t) => {
  const accounts = FOUR.map((account) => ({ ...account, ...LIMITED }));
  const { service, sent, clock } = setUp(t, accounts);
  const first = await home(service, sent, conversation(7, 0));
  for (let call = 0; call < 9; call++) assert.equal(await home(service, sent, conversation(7, call)), first);
  assert.notEqual(await home(service, sent, conversation(7, 3)), first);
  await clock.pass(10_000);
  assert.equal(await home(service, sent, conversation(7, 4)), first);
});

test('an account that is removed moves only its own conversations', async (t) => {
  const { service, sent, pool } = setUp(t, FOUR);
  const homes: string[] = [];
  for (let index = 0; index < 200; index++) homes.push(await home(service, sent, conversation(index, 0)));
  await pool.update(FOUR.slice(1));
  for (const [index, before] of homes.entries()) {
    const now = await home(service, sent, conversation(index, 1));
    if (before === 'a') assert.notEqual(now, 'a');
    else assert.equal(now, before);
  }
});

const SIGNED = { type: 'thinking', thinking: '', signature: 'c2lnbmF0dXJl'.repeat(10) };

test('a signed history is never moved: not for a cool-down, not for a breaker, not after a failure', async (t) => {
  let mode: 'fine' | 'limited' | 'broken' = 'fine';
  const upstream: Upstream = async () => {
    if (mode === 'limited') throw rateLimited(5_000);
    if (mode === 'broken') throw unavailable();
    return answer();
  };
  const { service, sent, clock } = setUp(t, FOUR, upstream);
  const first = await home(service, sent, conversation(3, 0));
  const signed = () => service(conversation(3, 2, SIGNED));
  mode = 'limited';
  const waiting = signed();
  await turn();
  mode = 'fine';
  await clock.pass(5_000);
  await waiting;
  mode = 'broken';
  for (let call = 0; call < 5; call++) {
    const failed = assert.rejects(signed());
    for (let second = 0; second < 15; second++) await clock.pass(1_000);
    await failed;
  }
  assert.deepEqual([...new Set(sent.map(organizationOf))], [first]);
});

test('a conversation whose first signed answer was made elsewhere stays there', async (t) => {
  const accounts = FOUR.map((account) => ({ ...account, ...LIMITED }));
  const withSignature: Reply = { ...answer(), kind: 'whole', body: JSON.stringify({ content: [SIGNED] }) };
  const { service, sent, clock } = setUp(t, accounts, async () => withSignature);
  const usual = await home(service, sent, conversation(5, 0));
  for (let call = 0; call < 9; call++) await service(conversation(5, 0));
  const away = await home(service, sent, conversation(5, 0));
  assert.notEqual(away, usual);
  await clock.pass(60_000);
  assert.equal(await home(service, sent, conversation(5, 2, SIGNED)), away);
});

test('the lowest tier is used while it has capacity', async (t) => {
  const accounts = [fakeAccount('backup', { priority: 1 }), fakeAccount('main', { priority: 0, ...LIMITED })];
  const { service, sent } = setUp(t, accounts);
  await sendMany(service, 12);
  assert.deepEqual(sent.map(organizationOf), [...Array.from({ length: 10 }, () => 'main'), 'backup', 'backup']);
});

test('weighted choice follows the weights, and turns go round', async (t) => {
  const accounts = [fakeAccount('heavy', { weight: 3 }), fakeAccount('light')];
  const weighted = setUp(t, accounts, undefined, { routing: { strategy: 'weighted', affinity: 'off' } });
  await sendMany(weighted.service, 400);
  const heavy = weighted.sent.filter((name) => name === 'heavy/us').length;
  assert.ok(heavy > 260 && heavy < 340, `${heavy}`);
  t.mock.timers.reset();
  const turns = setUp(t, accounts, undefined, { routing: { strategy: 'round_robin', affinity: 'off' } });
  await sendMany(turns.service, 4);
  assert.deepEqual(turns.sent, ['heavy/us', 'light/us', 'heavy/us', 'light/us']);
});

test('by latency the slower of two endpoints gets the smaller share', async (t) => {
  const upstream: Upstream = async (endpoint) => {
    await new Promise((resolve) => setTimeout(resolve, endpoint === 'slow/us' ? 400 : 50));
    return answer();
  };
  const { service, sent, clock } = setUp(t, [fakeAccount('slow'), fakeAccount('fast')], upstream, {
    routing: { strategy: 'latency', affinity: 'off' },
  });
  for (let call = 0; call < 100; call++) {
    const reply = service(fakeCall());
    for (let step = 0; step < 8; step++) await clock.pass(50);
    await reply;
  }
  assert.ok(sent.filter((name) => name === 'slow/us').length < 15);
});

test('a region pin holds, and an unknown region is the caller’s error', async (t) => {
  const { service, sent } = setUp(t, FOUR);
  await sendMany(service, 20, { routing: { ...DEFAULT_ROUTING, region: 'eu' } });
  assert.ok(sent.every((name) => name.endsWith('/eu')));
  await assert.rejects(
    service(fakeCall({ routing: { ...DEFAULT_ROUTING, region: 'moon' } })),
    (error: RelayError) => error.reason === 'INVALID_REQUEST' && error.violations[0]?.field === 'relay.region',
  );
});

test('a model goes only to accounts that may serve it', async (t) => {
  const accounts = [fakeAccount('a', { models: ['claude-opus-*'] }), fakeAccount('b', { models: ['claude-sonnet-*'] })];
  const { service, sent } = setUp(t, accounts);
  await sendMany(service, 5);
  assert.ok(sent.every((name) => name === 'b/us'));
  await assert.rejects(service(fakeCall({ model: 'claude-haiku-4-5' })), hasReason('NOT_FOUND'));
});

/* Replacing accounts */

test('an account that is removed finishes its calls before it is closed', async (t) => {
  const held = openAnswer();
  const { once, pool, closed } = setUp(t, [fakeAccount('a')], async () => held.reply);
  await once(fakeCall());
  const removed = pool.update([fakeAccount('b')]);
  await turn();
  assert.deepEqual(closed, []);
  held.settle();
  await removed;
  assert.deepEqual(closed, ['a/us']);
});

test('calls that wait move over to an account that is added', async (t) => {
  const one = fakeAccount('a', { limits: [{ models: ['*'], concurrentRequests: 1 }] });
  const { once, pool, sent } = setUp(t, [one], async () => openAnswer().reply);
  await once(fakeCall());
  const waiting = once(fakeCall());
  await turn();
  await pool.update([one, fakeAccount('b')]);
  await waiting;
  assert.deepEqual(sent, ['a/us', 'b/us']);
});

test('a changed weight or limit keeps the connection and what was learned; a changed key does not', async (t) => {
  const account = { ...fakeAccount('a'), apiKey: 'one' };
  const { once, pool, closed, clock } = setUp(t, [account], async () => Promise.reject(rateLimited(20_000)));
  await sendMany(once, 1);
  await pool.update([{ ...account, weight: 5, ...LIMITED }]);
  assert.deepEqual(closed, []);
  assert.equal(pool.snapshot().modelClasses[0]?.coolingFor, 20_000);
  const renewed = { ...account, apiKey: 'two' };
  await pool.update([renewed]);
  assert.deepEqual(closed, ['a/us']);
  await clock.pass(1);
});

test('readiness follows breakers and keys, by region, and tells when it changes', async (t) => {
  const { once, pool, clock } = setUp(t, [fakeAccount('a', { regions: TWO_REGIONS })], async (endpoint) => {
    if (endpoint === 'a/us') throw unavailable();
    return answer();
  });
  const told: boolean[] = [];
  pool.onChange(() => told.push(pool.regionCanServe('us')));
  await sendMany(once, 20, { routing: { ...DEFAULT_ROUTING, region: 'us' } });
  assert.equal(pool.regionCanServe('us'), false);
  assert.equal(pool.regionCanServe('eu'), true);
  assert.equal(pool.canServe, true);
  await clock.pass(12_500);
  assert.deepEqual(told, [false, true]);
  await pool.update([]);
  assert.equal(pool.canServe, false);
});

test('a closed pool refuses those who wait and those who come', async (t) => {
  const held = openAnswer();
  const { once, pool, closed } = setUp(
    t,
    [fakeAccount('a', { limits: [{ models: ['*'], concurrentRequests: 1 }] })],
    async () => held.reply,
  );
  await once(fakeCall());
  const waiting = assert.rejects(once(fakeCall()), hasReason('DRAINING'));
  const done = pool.close();
  await waiting;
  await assert.rejects(once(fakeCall()), hasReason('DRAINING'));
  held.settle();
  await done;
  assert.deepEqual(closed, ['a/us']);
});
