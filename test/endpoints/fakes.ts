import { DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import type { TestContext } from 'node:test';
import type { Call } from '../../src/completion/call.ts';
import { RelayError, type RelayErrorOptions } from '../../src/completion/errors.ts';
import type { Reply, Settlement, StreamEvent } from '../../src/completion/reply.ts';
import { DEFAULT_ROUTING } from '../../src/completion/routing.ts';
import type { Service } from '../../src/completion/service.ts';
import { startTrace } from '../../src/completion/trace.ts';
import type { AccountOptions, Connection } from '../../src/endpoints/account.ts';
import type { Clock } from '../../src/endpoints/clock.ts';
import type { EndpointEvents } from '../../src/endpoints/events.ts';
import { Pool, type PoolOptions } from '../../src/endpoints/pool.ts';

type MockTimers = TestContext['mock']['timers'];

export const EPOCH = Date.parse('2026-11-20T10:00:00Z');

/** A clock that only the test moves. It stands on the runner's mock timers, because opossum brings its own. */
export class FakeClock implements Clock {
  readonly #timers: MockTimers;
  #seed: number;

  constructor(timers: MockTimers, seed = 1) {
    this.#timers = timers;
    this.#seed = seed;
    timers.enable({ apis: ['setTimeout', 'Date'], now: EPOCH });
  }

  now(): number {
    return Date.now() - EPOCH;
  }

  wallNow(): number {
    return Date.now();
  }

  /** Mulberry32: the same numbers in every run. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  }

  /** Lets time pass, and everything that follows from it happen. */
  async pass(milliseconds: number): Promise<void> {
    await turn();
    this.#timers.tick(milliseconds);
    await turn();
  }
}

/** Lets all promises that are due resolve. */
export async function turn(): Promise<void> {
  for (let hop = 0; hop < 3; hop++) await new Promise((resolve) => setImmediate(resolve));
}

let calls = 0;

export function fakeCall(parts: Partial<Call> = {}): Call {
  const id = `call-${++calls}`;
  const body = parts.body ?? `{"model":"claude-sonnet-5","messages":[{"role":"user","content":"${id}"}]}`;
  return {
    id,
    operation: 'messages',
    body,
    digest: () => body,
    model: 'claude-sonnet-5',
    maxTokens: 100,
    wantsStream: true,
    tenant: 'tenant',
    options: { betas: [], apiVersion: '2026-10-21' },
    traceContext: {},
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    trace: startTrace(0),
    routing: DEFAULT_ROUTING,
    cache: DEFAULT_CACHE_POLICY,
    selfContained: true,
    ...parts,
  };
}

export const DELIVERED: Settlement = {
  outcome: 'delivered',
  usage: { input_tokens: 10, output_tokens: 10 },
};

/** A whole answer that has settled already. */
export function answer(settlement: Settlement = DELIVERED, headers: Record<string, string> = {}): Reply {
  return { kind: 'whole', body: '{}', settled: Promise.resolve(settlement), head: { status: 200, headers } };
}

/** A whole answer that settles when told. */
export function openAnswer(): { reply: Reply; settle: (settlement?: Settlement) => void } {
  const { promise, resolve } = Promise.withResolvers<Settlement>();
  const reply: Reply = { kind: 'whole', body: '{}', settled: promise, head: { status: 200, headers: {} } };
  return { reply, settle: (settlement = DELIVERED) => resolve(settlement) };
}

/** A stream of the given events, which then ends, or breaks with an error. */
export function stream(events: readonly StreamEvent[], error?: RelayError): Reply {
  const { promise, resolve } = Promise.withResolvers<Settlement>();
  async function* play(): AsyncGenerator<StreamEvent> {
    yield* events;
    if (error !== undefined) {
      resolve({ outcome: 'failed', error, usage: {} });
      throw error;
    }
    resolve(DELIVERED);
  }
  return { kind: 'stream', events: play(), settled: promise, head: { status: 200, headers: {} } };
}

export const START: StreamEvent = { type: 'message_start', data: '{"type":"message_start"}' };
export const PING: StreamEvent = { type: 'ping', data: '{"type":"ping"}' };
export const CONTENT: StreamEvent = { type: 'content_block_start', data: '{"type":"content_block_start"}' };
export const STOP: StreamEvent = { type: 'message_stop', data: '{"type":"message_stop"}' };

export function unavailable(options: RelayErrorOptions = {}): RelayError {
  return new RelayError('UPSTREAM_UNAVAILABLE', 'fails', { upstream: { status: 500 }, ...options });
}

export function rateLimited(retryAfter?: number): RelayError {
  return new RelayError('RATE_LIMITED', 'limited', {
    upstream: { status: 429 },
    ...(retryAfter !== undefined && { retryAfter }),
  });
}

export function overloaded(): RelayError {
  return new RelayError('UPSTREAM_OVERLOADED', 'overloaded', { upstream: { status: 529 } });
}

export function refused(status = 401): RelayError {
  return new RelayError('UPSTREAM_CREDENTIALS', 'refused', { upstream: { status }, scope: 'credential' });
}

export const NO_EVENTS: EndpointEvents = {
  breakerChanged() {},
  limitRemaining() {},
  setAside() {},
  queueLength() {},
  queueWaited() {},
  roundTrip() {},
  retried() {},
  hedged() {},
};

export function fakeAccount(name: string, parts: Partial<AccountOptions> = {}): AccountOptions {
  return {
    name,
    organization: name,
    weight: 1,
    priority: 0,
    models: ['claude-*'],
    limits: [],
    regions: [{ name: 'us', baseUrl: 'http://us.example' }],
    ...parts,
  };
}

/** Answers by the name of the endpoint: `account/region`. */
export type Upstream = (endpoint: string, call: Call) => Promise<Reply>;

export const BREAKER = { errorThresholdPercent: 50, minimumRequests: 5, windowMs: 10_000, openForMs: 10_000 };

export interface FakePool {
  readonly pool: Pool<AccountOptions>;
  /** Endpoints in the order in which they were sent calls. */
  readonly sent: string[];
  readonly closed: string[];
}

/** A pool whose upstream is a function. */
export function fakePool(
  clock: Clock,
  accounts: readonly AccountOptions[],
  upstream: Upstream,
  parts: Partial<PoolOptions<AccountOptions>> = {},
): FakePool {
  const sent: string[] = [];
  const closed: string[] = [];
  const pool = new Pool<AccountOptions>({
    accounts,
    connect(account, region): Connection {
      const name = `${account.name}/${region.name}`;
      const service: Service = (call) => {
        sent.push(name);
        return upstream(name, call);
      };
      return {
        service,
        async close() {
          closed.push(name);
        },
      };
    },
    routing: { strategy: 'latency', affinity: 'prompt_prefix' },
    breaker: BREAKER,
    queue: { maxLength: 100, maxWaitMs: 30_000 },
    burstMs: 10_000,
    clock,
    events: NO_EVENTS,
    ...parts,
  });
  return { pool, sent, closed };
}
