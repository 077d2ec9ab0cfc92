import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { MemoryQuotaStore } from '../../src/access/memory-quota-store.ts';
import { type Consumption, NOTHING_USED, Quotas, type Reservation } from '../../src/access/quota.ts';
import type { Charge, Lease, QuotaName, Refusal, Used } from '../../src/access/quota-store.ts';
import { RedisQuotaStore } from '../../src/access/redis-quota-store.ts';
import { ANONYMOUS, type Tenant, type TenantLimits } from '../../src/access/tenant.ts';
import { RelayError } from '../../src/completion/errors.ts';
import { RedisConnection } from '../../src/redis/connection.ts';
import { RedisUnavailable } from '../../src/redis/errors.ts';
import { ManualClock } from '../redis/manual-clock.ts';
import { quiet, RedisServer, recovery } from '../redis/redis-server.ts';

const TIMEOUT = 50;
const LEASE_MS = 60_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NANO = 1e9;

let server: RedisServer;
let clock: ManualClock;
let a: Replica;
let b: Replica;

/** One process of the relay, as far as quotas go. */
class Replica {
  readonly redis: RedisConnection;
  readonly store: RedisQuotaStore;
  readonly quotas: Quotas;

  constructor(replicas: number, maxArrears = 100, loses: () => boolean = () => false) {
    const timing = { operationTimeoutMs: TIMEOUT, connectTimeoutMs: 1000, maxPending: 1000, clock };
    this.redis = new RedisConnection({ url: server.url, ca: undefined, ...timing });
    const sharing = { replicas: { count: replicas }, leaseMs: LEASE_MS, maxArrears, clock };
    this.store = new RedisQuotaStore({ redis: losing(this.redis, loses), ...sharing });
    this.quotas = new Quotas(this.store, () => clock.wallNow());
  }

  reserve(limits: TenantLimits, estimate: Consumption = NOTHING_USED): Promise<Reservation> {
    return this.quotas.reserve(tenant(limits), estimate);
  }

  /** The quota that refuses; undefined where the call is let in. */
  async refusal(limits: TenantLimits, estimate: Consumption = NOTHING_USED): Promise<string | undefined> {
    try {
      await this.reserve(limits, estimate);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof RelayError, 'a quota refuses by a RelayError');
      return error.metadata['quota'];
    }
  }

  /** Resolves when the connection has noticed that it is lost, or found. */
  changed(): Promise<unknown> {
    return new Promise((resolve) => {
      const stop = this.redis.onChange((state) => {
        stop();
        resolve(state);
      });
    });
  }

  async close(): Promise<void> {
    this.store.close();
    await this.redis.close();
  }
}

/** A connection on which Redis is asked, and some of its answers are lost. */
function losing(redis: RedisConnection, loses: () => boolean): Pick<RedisConnection, 'run' | 'onChange'> {
  return {
    onChange: (listener) => redis.onChange(listener),
    run: async (...args) => {
      const reply = await redis.run(...args);
      if (loses()) throw new RedisUnavailable('lost');
      return reply;
    },
  };
}

function tenant(limits: TenantLimits): Tenant {
  return { ...ANONYMOUS, name: 'search/{team}', limits };
}

/** Kills Redis, and waits until both replicas know. */
async function lose(): Promise<void> {
  await Promise.all([a.redis.command(['PING']), b.redis.command(['PING'])]);
  const known = [a.changed(), b.changed()];
  await server.kill();
  await Promise.all(known);
}

/** Starts Redis anew, and waits until both replicas have found it and told it what it missed. */
async function find(): Promise<void> {
  await server.restart();
  await Promise.all([recovery(a.redis, clock), recovery(b.redis, clock)]);
  await Promise.all([quiet(a.redis), quiet(b.redis)]);
}

before(async () => {
  server = await RedisServer.start();
});
after(() => server.kill());
beforeEach(async () => {
  clock = new ManualClock();
  a = new Replica(2);
  b = new Replica(2);
  await a.redis.command(['FLUSHALL']);
});
afterEach(async () => {
  await Promise.all([a.close(), b.close()]);
});

describe('quotas shared by two replicas', () => {
  it('are overspent by one call at most, however many come at once', async () => {
    const limits = { usdPerDay: 1 };
    const attempts = Array.from({ length: 50 }, (_, index) =>
      (index % 2 === 0 ? a : b).reserve(limits, { tokens: 0, usd: 0.1 }),
    );
    const outcomes = await Promise.allSettled(attempts);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 10);
    assert.equal(a.store.metrics.shared + b.store.metrics.shared, 50, 'Redis decided all of them');
  });

  it('say on each replica which quota refuses, and for how long', async () => {
    const limits = { requestsPerMinute: 7 };
    for (let call = 0; call < 7; call++) await (call % 2 === 0 ? a : b).reserve(limits);
    await assert.rejects(b.reserve(limits), {
      reason: 'QUOTA_EXCEEDED',
      retryAfter: Math.ceil(MINUTE / 7),
      metadata: { quota: 'requests_per_minute', limit: '7', subject: 'tenant:search/{team}' },
    });
    clock.advance(Math.ceil(MINUTE / 7));
    assert.equal(await a.refusal(limits), undefined);
    assert.equal(await b.refusal(limits), 'requests_per_minute');
  });

  it('give a concurrent call back wherever it was settled', async () => {
    const limits = { concurrentRequests: 1 };
    const held = await a.reserve(limits);
    assert.equal(await b.refusal(limits), 'concurrent_requests');
    await held.settle(NOTHING_USED);
    await b.reserve(limits);
    assert.equal(await a.refusal(limits), 'concurrent_requests');
  });

  it('are exact to the billionth of a dollar, however large the sum', async () => {
    const limit = Number.MAX_SAFE_INTEGER;
    const lease = (id: string, amount: number): Lease => {
      const at = clock.wallNow();
      return { id, subject: 'rich', at, expiresAt: at + HOUR, charges: [{ quota: 'usd_per_day', limit, amount }] };
    };
    const first = lease('first', 1);
    await a.store.reserve(first);
    await a.store.settle(first, { tokens: 0, nanoUsd: limit - 1 }, clock.wallNow());
    assert.equal(await b.store.reserve(lease('second', 1)), undefined);
    assert.equal((await b.store.reserve(lease('third', 1)))?.quota, 'usd_per_day');
  });

  it('leave nothing in Redis for good', async () => {
    const held = await a.reserve({ requestsPerMinute: 5, usdPerDay: 1 }, { tokens: 0, usd: 0.5 });
    const keys = await a.redis.command(['KEYS', '*']);
    assert.ok(Array.isArray(keys) && keys.length === 2);
    for (const key of keys) {
      const left = await a.redis.command(['PTTL', String(key)]);
      assert.ok(typeof left === 'number' && left > 0 && left <= 25 * HOUR, `${String(key)} lives ${String(left)} ms`);
    }
    await held.settle(NOTHING_USED);
    const [meters, ...others] = (await a.redis.command(['KEYS', '*'])) as string[];
    assert.deepEqual(others, [], 'no lease is open');
    const fields = 'at requests requests_limit tokens tokens_limit tokens_added day spent';
    assert.deepEqual(await a.redis.command(['HKEYS', String(meters)]), fields.split(' '));
  });

  it('lie in one slot of a cluster for each tenant, whatever its name', async () => {
    await a.reserve({ concurrentRequests: 1 });
    const keys = await a.redis.command(['KEYS', '*']);
    assert.ok(Array.isArray(keys));
    assert.deepEqual([...new Set(keys.map((key) => /\{([^}]*)\}/.exec(String(key))?.[1]))], ['search%2F%7Bteam%7D']);
  });
});

describe('the scripts', () => {
  /** Calls as they come and end over time; each refers to an earlier one by its number. */
  const steps = fc.array(
    fc.record({
      passed: fc.nat({ max: 20_000 }),
      kind: fc.constantFrom('reserve', 'reserve', 'settle'),
      tokens: fc.nat({ max: 800 }),
      nanoUsd: fc.nat({ max: 3 * NANO }),
      call: fc.nat(),
    }),
    { minLength: 5, maxLength: 40 },
  );
  const limits = fc.record({
    requests: fc.nat({ max: 8 }),
    tokens: fc.nat({ max: 2000 }),
    concurrent: fc.nat({ max: 4 }),
  });

  function charges(drawn: { requests: number; tokens: number; concurrent: number }, used: Used): Charge[] {
    const all: readonly (readonly [QuotaName, number, number])[] = [
      ['requests_per_minute', drawn.requests, 1],
      ['tokens_per_minute', drawn.tokens, used.tokens],
      ['concurrent_requests', drawn.concurrent, 1],
      ['usd_per_day', 10 * NANO, used.nanoUsd],
    ];
    return all.map(([quota, limit, amount]) => ({ quota, limit, amount }));
  }

  function assertSame(shared: Refusal | undefined, local: Refusal | undefined): void {
    assert.deepEqual([shared?.quota, shared?.limit], [local?.quota, local?.limit]);
    // A level that drained in two steps differs from one that drained in one by a rounding.
    const apart = Math.abs((shared?.retryAfter ?? 0) - (local?.retryAfter ?? 0));
    assert.ok(apart <= 1, `they tell to wait ${apart} ms apart`);
    assert.equal(shared?.retryAfter === undefined, local?.retryAfter === undefined);
  }

  it('decide as the store in memory does', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(steps, limits, limits, async (drawn, first, second) => {
        const memory = new MemoryQuotaStore();
        const subject = `run-${run++}`;
        const leases: Lease[] = [];
        let now = clock.wallNow() + 11 * HOUR;
        for (const [index, { passed, kind, tokens, nanoUsd, call }] of drawn.entries()) {
          now += passed;
          const used = { tokens, nanoUsd };
          const lease = leases.length === 0 ? undefined : leases[call % leases.length];
          if (kind === 'reserve' || lease === undefined) {
            // Limits change as by a reload; a lease is as long as one that nobody renews.
            const limit = index < drawn.length / 2 ? first : second;
            const made = {
              id: `${subject}-${index}`,
              subject,
              at: now,
              expiresAt: now + LEASE_MS,
              charges: charges(limit, used),
            };
            const [shared, local] = [await a.store.reserve(made), await memory.reserve(made)];
            assertSame(shared, local);
            if (shared === undefined) leases.push(made);
          } else {
            leases.splice(leases.indexOf(lease), 1);
            await b.store.settle(lease, used, now);
            await memory.settle(lease, used, now);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a replica that crashes', () => {
  it('has its concurrent calls given back within a minute, and one that lives has not', async () => {
    const limits = { concurrentRequests: 2 };
    const living = await a.reserve(limits);
    await b.reserve(limits);
    await b.close();
    assert.equal(await a.refusal(limits), 'concurrent_requests');
    for (let passed = 0; passed < LEASE_MS; passed += LEASE_MS / 6) {
      clock.advance(LEASE_MS / 6);
      await quiet(a.redis);
    }
    assert.equal(await a.refusal(limits), undefined, 'the call of the dead is given back');
    assert.equal(await a.refusal(limits), 'concurrent_requests', 'that of the living is not');
    await living.settle(NOTHING_USED);
    assert.equal(await a.refusal(limits), undefined);
  });
});

describe('while Redis is lost', () => {
  it('each replica takes its part of every limit', async () => {
    const cases: readonly (readonly [TenantLimits, Consumption, admitted: number])[] = [
      [{ requestsPerMinute: 11 }, NOTHING_USED, 5],
      [{ tokensPerMinute: 1000 }, { tokens: 100, usd: 0 }, 5],
      [{ concurrentRequests: 8 }, NOTHING_USED, 4],
      [{ usdPerDay: 1 }, { tokens: 0, usd: 0.1 }, 5],
      [{ requestsPerMinute: 1 }, NOTHING_USED, 1],
      [{ requestsPerMinute: 0 }, NOTHING_USED, 0],
    ];
    await lose();
    for (const [index, [limits, estimate, admitted]] of cases.entries()) {
      const own = { ...tenant(limits), name: `tenant-${index}` };
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => a.quotas.reserve(own, estimate)));
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, admitted, JSON.stringify(limits));
    }
    const refused = a.quotas.reserve({ ...tenant({ requestsPerMinute: 11 }), name: 'tenant-0' }, NOTHING_USED);
    await assert.rejects(refused, {
      metadata: { quota: 'requests_per_minute', limit: '11', subject: 'tenant:tenant-0' },
    });
    await server.restart();
  });

  it('an outage brings no new budget: what was spent before counts, shared out', async () => {
    const limits = { usdPerDay: 10 };
    const before = await a.reserve(limits, { tokens: 0, usd: 8 });
    await before.settle({ tokens: 0, usd: 8 });
    await lose();
    const each = await Promise.allSettled(Array.from({ length: 10 }, () => a.reserve(limits, { tokens: 0, usd: 0.5 })));
    assert.equal(each.filter(({ status }) => status === 'fulfilled').length, 2, 'half of the 2 dollars left');
    await server.restart();
  });

  it('calls that were let in before end as ever, and Redis hears of it when it is back', async () => {
    const limits = { concurrentRequests: 1, usdPerDay: 10 };
    const held = await a.reserve(limits, { tokens: 0, usd: 4 });
    server.pause();
    const settled = held.settle({ tokens: 0, usd: 3 });
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(TIMEOUT + 1);
    await settled;
    assert.equal(a.store.metrics.arrears, 1);
    const lost = a.changed();
    clock.advance(5 * TIMEOUT);
    await lost;
    server.resume();
    await recovery(a.redis, clock);
    await quiet(a.redis);
    assert.equal(a.store.metrics.arrears, 0);
    const all = await b.reserve(limits, { tokens: 0, usd: 7 });
    assert.equal(await b.refusal({ usdPerDay: 10 }, { tokens: 0, usd: 1 }), 'usd_per_day', 'told once: 3 and 7 are 10');
    await all.settle(NOTHING_USED);
  });

  it('a reservation whose answer is late is not left behind in Redis', async () => {
    const limits = { concurrentRequests: 1 };
    await a.redis.command(['PING']);
    server.pause();
    const attempt = a.reserve(limits);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(TIMEOUT + 1);
    const own = await attempt;
    assert.deepEqual(a.store.metrics, { shared: 0, local: 1, arrears: 1, arrearsDropped: 0 });
    server.resume();
    await quiet(a.redis);
    const others = await a.refusal({ requestsPerMinute: 100 });
    await quiet(a.redis);
    assert.deepEqual([others, a.store.metrics.arrears], [undefined, 0]);
    await own.settle(NOTHING_USED);
  });

  it('what cannot be told for lack of room is given up, the oldest first', async () => {
    const few = new Replica(2, 3);
    const held = [];
    for (let call = 0; call < 5; call++) held.push(await few.reserve({ concurrentRequests: 9 }));
    await few.redis.close();
    for (const reservation of held) await reservation.settle(NOTHING_USED);
    assert.deepEqual(few.store.metrics, { shared: 5, local: 0, arrears: 3, arrearsDropped: 2 });
    await few.close();
  });
});

describe('answers that are lost', () => {
  it('make nothing count twice, nor be forgotten', async () => {
    const calls = fc.array(fc.record({ estimate: fc.integer({ min: 1, max: 9 }), used: fc.nat({ max: 9 }) }), {
      maxLength: 12,
    });
    const losses = fc.array(fc.boolean(), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(calls, losses, async (drawn, lost) => {
        await a.redis.command(['FLUSHALL']);
        const queue = [...lost];
        const replica = new Replica(1, 100, () => queue.shift() ?? false);
        const limits = { usdPerDay: 1000, concurrentRequests: 100 };
        const open: (readonly [Reservation, usd: number])[] = [];
        for (const { estimate, used } of drawn) {
          open.push([await replica.reserve(limits, { tokens: 0, usd: estimate }), used]);
          const [first] = open;
          if (open.length > 2 && first !== undefined) {
            open.shift();
            await first[0].settle({ tokens: 0, usd: first[1] });
          }
        }
        for (const [reservation, usd] of open) await reservation.settle({ tokens: 0, usd });
        // Each call brings a further attempt, until all is told.
        for (let rest = queue.length; rest >= -2; rest--) {
          const last = await replica.reserve(limits);
          await last.settle(NOTHING_USED);
          await quiet(replica.redis);
        }
        const [key] = (await a.redis.command(['KEYS', '*'])) as string[];
        assert.equal(replica.store.metrics.arrears, 0);
        assert.equal(
          Number(await a.redis.command(['HGET', String(key), 'spent'])),
          drawn.reduce((sum, { used }) => sum + used * NANO, 0),
        );
        assert.equal(await a.redis.command(['DBSIZE']), 1, 'no lease is open');
        await replica.close();
      }),
      { numRuns: 60 },
    );
  });
});

describe('when Redis is back', () => {
  it('it decides again, and knows the dollars that were spent without it', async () => {
    const limits = { usdPerDay: 10 };
    await lose();
    for (const replica of [a, b]) {
      const call = await replica.reserve(limits, { tokens: 0, usd: 1 });
      await call.settle({ tokens: 0, usd: 4 });
    }
    await find();
    assert.equal(await a.refusal(limits, { tokens: 0, usd: 2 }), undefined);
    assert.equal(await b.refusal(limits, { tokens: 0, usd: 1 }), 'usd_per_day');
  });

  it('empty, it does not forget the day: the first replica tells what it has seen', async () => {
    const limits = { usdPerDay: 10 };
    const open = await a.reserve(limits, { tokens: 0, usd: 5 });
    await b.reserve(limits, { tokens: 0, usd: 4 });
    await lose();
    await find();
    assert.equal(await b.refusal(limits, { tokens: 0, usd: 1 }), undefined);
    assert.equal(await b.refusal(limits, { tokens: 0, usd: 1 }), 'usd_per_day');
    await open.settle({ tokens: 0, usd: 4 });
    assert.equal(await a.refusal(limits, { tokens: 0, usd: 1 }), undefined);
    assert.equal(await a.refusal(limits, { tokens: 0, usd: 1 }), 'usd_per_day');
  });

  it('empty, it gives back no more than it has taken', async () => {
    const limits = { usdPerDay: 10 };
    const open = await a.reserve(limits, { tokens: 0, usd: 9 });
    await lose();
    await find();
    await b.reserve(limits, { tokens: 0, usd: 1 });
    await open.settle(NOTHING_USED);
    assert.equal(await b.refusal(limits, { tokens: 0, usd: 10 }), undefined);
    assert.equal(await b.refusal(limits, { tokens: 0, usd: 1 }), 'usd_per_day');
  });

  it('empty, it is told which concurrent calls are under way', async () => {
    const limits = { concurrentRequests: 2 };
    const held = await a.reserve(limits);
    await b.reserve(limits);
    await lose();
    await find();
    assert.equal(await b.refusal(limits), 'concurrent_requests');
    await held.settle(NOTHING_USED);
    assert.equal(await b.refusal(limits), undefined);
  });

  it('no timer and no write goes on where nothing is under way', async () => {
    const call = await a.reserve({ concurrentRequests: 1 });
    await call.settle(NOTHING_USED);
    clock.advance(LEASE_MS);
    await quiet(a.redis);
    assert.equal(clock.untilNext, undefined);
  });
});
