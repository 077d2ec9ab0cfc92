import { DEFAULT_CACHE_POLICY } from '../src/completion/cache-policy.ts';
import type { Call } from '../src/completion/call.ts';
import type { Reply } from '../src/completion/reply.ts';
import { DEFAULT_ROUTING } from '../src/completion/routing.ts';
import { startTrace } from '../src/completion/trace.ts';
import type { AccountOptions } from '../src/endpoints/account.ts';
import { newAttempts } from '../src/endpoints/attempt.ts';
import { systemClock } from '../src/endpoints/clock.ts';
import type { EndpointEvents } from '../src/endpoints/events.ts';
import { Pool } from '../src/endpoints/pool.ts';
import { balance } from '../src/layers/balance.ts';
import { gate } from '../src/layers/gate.ts';
import { retry } from '../src/layers/retry.ts';
import { RetryBudget } from '../src/layers/retry-budget.ts';
import type { Benchmark } from './main.ts';
import { judge } from './report.ts';

const SIZES = [10, 100, 1_000, 10_000];
const REGIONS = ['us-east', 'us-west', 'eu-west', 'ap-south', 'sa-east'];
const ROUNDS = 15;

const SILENT: EndpointEvents = {
  breakerChanged() {},
  limitRemaining() {},
  setAside() {},
  queueLength() {},
  queueWaited() {},
  roundTrip() {},
  retried() {},
  hedged() {},
};

const REPLY: Reply = {
  kind: 'whole',
  body: '{}',
  settled: { outcome: 'delivered', usage: { input_tokens: 20, output_tokens: 20 } },
  head: {
    status: 200,
    headers: {
      'request-id': 'req_bench',
      'anthropic-ratelimit-requests-limit': '1000000000',
      'anthropic-ratelimit-requests-remaining': '999999999',
      'anthropic-ratelimit-requests-reset': '2026-11-20T10:00:00Z',
    },
  },
};

/** So many endpoints: accounts of an organization each, in every region. */
function poolOf(endpoints: number, affinity: 'prompt_prefix' | 'off'): Pool<AccountOptions> {
  const accounts: AccountOptions[] = Array.from({ length: endpoints / REGIONS.length }, (_, index) => ({
    name: `account-${index}`,
    organization: `organization-${index}`,
    weight: 1,
    priority: 0,
    models: ['claude-*'],
    limits: [{ models: ['*'], requestsPerMinute: 1e9, inputTokensPerMinute: 1e12, concurrentRequests: 1e6 }],
    regions: REGIONS.map((name) => ({ name, baseUrl: `https://${name}.example` })),
  }));
  return new Pool({
    accounts,
    connect: () => ({ service: async () => REPLY, close: async () => {} }),
    routing: { strategy: 'latency', affinity },
    breaker: { errorThresholdPercent: 50, minimumRequests: 5, windowMs: 10_000, openForMs: 10_000 },
    queue: { maxLength: 1000, maxWaitMs: 30_000 },
    burstMs: 10_000,
    clock: systemClock,
    events: SILENT,
  });
}

const signal = new AbortController().signal;

function callOf(index: number): Call {
  const body = `{"model":"claude-sonnet-5","max_tokens":100,"messages":[{"role":"user","content":"Question ${index}"}]}`;
  return {
    id: 'bench',
    operation: 'messages',
    body,
    digest: () => body,
    model: 'claude-sonnet-5',
    maxTokens: 100,
    wantsStream: false,
    tenant: 'bench',
    options: { betas: [], apiVersion: '2026-10-21' },
    traceContext: {},
    deadline: Number.POSITIVE_INFINITY,
    signal,
    trace: startTrace(0),
    routing: DEFAULT_ROUTING,
    cache: DEFAULT_CACHE_POLICY,
    selfContained: true,
  };
}

/** CPU microseconds of one run of `work`, of so many. */
async function cost(times: number, work: (index: number) => unknown): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < times; index++) await work(index);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** The median cost at each size; sizes take turns, so that whatever else the machine does hits all alike. */
async function compare(works: readonly ((index: number) => unknown)[], times: number): Promise<number[]> {
  const costs = works.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, work] of works.entries()) {
      const one = await cost(times, work);
      // The first rounds are for the compiler.
      if (round >= 5) costs[at]?.push(one);
    }
  }
  return costs.map(median);
}

async function run(): Promise<boolean> {
  const calls = Array.from({ length: 1024 }, (_, index) => callOf(index));
  const callAt = (index: number): Call => calls[index % calls.length] ?? callOf(index);
  const verdicts: boolean[] = [];
  for (const affinity of ['off', 'prompt_prefix'] as const) {
    const pools = SIZES.map((size) => poolOf(size, affinity));
    const choosing = pools.map((pool) => (index: number) => {
      const call = { ...callAt(index), attempts: newAttempts() };
      return pool.serve(call, (lease) => {
        lease.discard();
        return Promise.resolve(REPLY);
      });
    });
    const costs = await compare(choosing, 20_000);
    for (const [at, size] of SIZES.entries()) {
      console.log(`       choosing among ${size}, affinity ${affinity}: ${costs[at]?.toFixed(2)} µs`);
    }
    const [fewest = Number.NaN] = costs;
    verdicts.push(
      judge(`choosing, affinity ${affinity}: most ÷ fewest endpoints`, Math.max(...costs) / fewest, 'at most', 1.5),
    );
    await Promise.all(pools.map((pool) => pool.close()));
  }
  verdicts.push(await passage(callAt));
  return verdicts.every(Boolean);
}

async function passage(callAt: (index: number) => Call): Promise<boolean> {
  const pool = poolOf(10, 'prompt_prefix');
  const line = retry({
    maxAttempts: 4,
    minDelayMs: 100,
    baseDelayMs: 500,
    maxDelayMs: 5_000,
    maxWaitMs: 30_000,
    budget: new RetryBudget(0.2, systemClock),
    elsewhere: (call) => pool.elsewhere(call),
    retried() {},
    clock: systemClock,
  })(balance(pool, gate({ maxWaitMs: 5_000, clock: systemClock })));
  const trivial = async (): Promise<Reply> => REPLY;
  const [whole = Number.NaN, floor = Number.NaN] = await compare(
    [(index) => line(callAt(index)), () => trivial()],
    20_000,
  );
  console.log(`       the fake provider alone: ${floor.toFixed(2)} µs`);
  await pool.close();
  return judge('one passage through retry, balance, breaker and pacing', whole, 'at most', 15, ' µs');
}

export const benchmark: Benchmark = {
  summary: 'choosing an endpoint among 10 to 10,000, and a whole passage through pooled capacity',
  run,
};
