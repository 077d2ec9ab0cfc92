import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply } from '../../src/completion/reply.ts';
import { modelClass } from '../../src/endpoints/model-class.ts';
import { balance } from '../../src/layers/balance.ts';
import { gate } from '../../src/layers/gate.ts';
import {
  answer,
  FakeClock,
  fakeAccount,
  fakeCall,
  fakePool,
  NO_EVENTS,
  openAnswer,
  overloaded,
  rateLimited,
  refused,
  turn,
  unavailable,
} from './fakes.ts';

const REGIONS = ['us', 'eu'].map((name) => ({ name, baseUrl: `http://${name}.example` }));
const MODELS = ['claude-sonnet-5', 'claude-opus-5'];
const REQUESTS = 120;
const INPUT = 9_000;
const CONCURRENT = 8;
const BURST_MS = 10_000;

const ACCOUNTS = [
  ['a1', 'a'],
  ['a2', 'a'],
  ['b1', 'b'],
].map(([name = '', organization = '']) =>
  fakeAccount(name, {
    organization,
    regions: REGIONS,
    limits: MODELS.map((model) => ({
      models: [model],
      requestsPerMinute: REQUESTS,
      inputTokensPerMinute: INPUT,
      concurrentRequests: CONCURRENT,
    })),
  }),
);

type Ending = 'fine' | 'broken' | 'unavailable' | 'limited' | 'overloaded' | 'refused' | 'caller error';

type Step =
  | {
      readonly do: 'send';
      readonly model: number;
      readonly size: number;
      readonly patience: number;
      readonly times: number;
    }
  | {
      readonly do: 'end';
      readonly which: number;
      readonly how: Ending;
      readonly retryAfter: number;
      readonly times: number;
    }
  | { readonly do: 'cancel'; readonly which: number }
  | { readonly do: 'pass'; readonly milliseconds: number };

/** The frequent ones more than once. */
const ENDINGS: readonly Ending[] = [
  ...Array.from({ length: 4 }, () => 'fine' as const),
  ...Array.from({ length: 8 }, () => 'unavailable' as const),
  ...(['broken', 'broken', 'limited', 'overloaded', 'refused', 'caller error'] as const),
];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      model: fc.nat(MODELS.length - 1),
      size: fc.integer({ min: 10, max: 600 }),
      times: fc.integer({ min: 1, max: 6 }),
      patience: fc.integer({ min: 1, max: 40_000 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(),
      how: fc.constantFrom(...ENDINGS),
      times: fc.integer({ min: 1, max: 6 }),
      retryAfter: fc.integer({ min: 1, max: 20_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), milliseconds: fc.integer({ min: 1, max: 5_000 }) }),
  },
);

interface Sent {
  readonly at: number;
  readonly account: string;
  readonly organization: string;
  readonly region: string;
  readonly model: string;
  /** Input tokens that the upstream counts: none once it has refused. */
  input: number;
  /** Whether it was the trial of a half-open breaker. */
  readonly trial: boolean;
  readonly end: (how: Ending, retryAfter: number) => void;
  ended: boolean;
}

/** The simple model beside the real pool: what was set aside until when, and all that was sent. */
class World {
  readonly clock: FakeClock;
  readonly sent: Sent[] = [];
  readonly waiting = new Map<string, { readonly deadline: number; readonly abort: () => void }>();
  readonly pool;
  readonly #service;
  readonly #breakers = new Map<string, string>();
  readonly #until = new Map<string, number>();
  readonly #overloads = new Map<string, { until: number; count: number }>();
  /** What was sent though it should not have been: thrown where the pool is, it would pass for a failure of the upstream. */
  readonly #surprises: unknown[] = [];

  constructor(t: TestContext) {
    this.clock = new FakeClock(t.mock.timers);
    const { pool } = fakePool(this.clock, ACCOUNTS, (endpoint, call) => this.#send(endpoint, call), {
      burstMs: BURST_MS,
      // Opens and closes often within the length of a run.
      breaker: { errorThresholdPercent: 50, minimumRequests: 2, windowMs: 30_000, openForMs: 2_000 },
      queue: { maxLength: 1000, maxWaitMs: 30_000 },
      events: {
        ...NO_EVENTS,
        breakerChanged: (account, region, state) => this.#breakers.set(`${account}/${region}`, state),
      },
    });
    this.pool = pool;
    this.#service = balance(pool, gate({ maxWaitMs: 5_000, clock: this.clock }));
  }

  /** Calls neither sent nor refused yet are in `waiting`. */
  async call(model: string, size: number, patience: number): Promise<void> {
    const controller = new AbortController();
    const deadline = this.clock.now() + patience;
    const call = fakeCall({ model, body: 'x'.repeat(size), deadline, signal: controller.signal });
    this.waiting.set(call.id, { deadline, abort: () => controller.abort(new RelayError('CANCELLED', 'gone')) });
    try {
      await this.#service(call);
    } catch (error) {
      assert.ok(error instanceof RelayError, String(error));
    }
    this.waiting.delete(call.id);
  }

  /** Ends one of the calls under way. */
  end(which: number, how: Ending, retryAfter: number): void {
    const open = this.sent.filter((sent) => !sent.ended);
    open[which % Math.max(1, open.length)]?.end(how, retryAfter);
  }

  cancel(which: number): void {
    const all = [...this.waiting.values()];
    all[which % Math.max(1, all.length)]?.abort();
  }

  #send(endpoint: string, call: Call): Promise<Reply> {
    const [account = '', region = ''] = endpoint.split('/');
    const organization = account[0] ?? '';
    const at = this.clock.now();
    const state = this.#breakers.get(endpoint) ?? 'closed';
    const trial = state === 'half-open';
    try {
      this.#expectOpen(endpoint, call, state);
    } catch (thrown) {
      this.#surprises.push(thrown);
    }
    this.waiting.delete(call.id);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const held = openAnswer();
    const sent: Sent = {
      at,
      account,
      organization,
      region,
      model: call.model,
      // What the estimate gives while no answer told its usage.
      input: Math.ceil(call.body.length * 0.375),
      trial,
      ended: false,
      end: (how, retryAfter) => {
        sent.ended = true;
        const overload = this.#overloads.get(`${region} ${call.model}`);
        if (how === 'fine' || how === 'broken') {
          if (overload !== undefined) overload.count = 0;
          // An answer shows that the key is good.
          this.#until.delete(`account ${account}`);
        }
        if (how === 'fine') resolve(answer({ outcome: 'delivered', usage: {} }));
        else if (how === 'broken') {
          resolve(held.reply);
          setImmediate(() => held.settle({ outcome: 'failed', error: unavailable(), usage: {} }));
        } else {
          sent.input = 0;
          reject(this.#failure(how, sent, retryAfter));
        }
      },
    };
    this.sent.push(sent);
    call.signal.addEventListener('abort', () => {
      if (!sent.ended) {
        sent.ended = true;
        reject(call.signal.reason);
      }
    });
    return promise;
  }

  #failure(how: Ending, { account, organization, region, model }: Sent, retryAfter: number): RelayError {
    if (how === 'unavailable') return unavailable();
    if (how === 'caller error') return new RelayError('INVALID_REQUEST', 'bad');
    if (how === 'overloaded') {
      this.#overload(`${region} ${model}`);
      return overloaded();
    }
    if (how === 'refused') {
      this.#setAside(`account ${account}`, 30_000);
      return refused(401);
    }
    this.#setAside(`limit ${organization} ${model}`, retryAfter);
    return rateLimited(retryAfter);
  }

  #overload(what: string): void {
    const now = this.clock.now();
    const known = this.#overloads.get(what);
    // A mark that ended half a minute ago is forgotten.
    const before = known !== undefined && known.until + 30_000 > now ? known : { until: 0, count: 0 };
    const count = before.until > now ? before.count : before.count + 1;
    this.#overloads.set(what, { until: Math.max(before.until, now + 1_000 * 2 ** (count - 1)), count });
  }

  #setAside(what: string, milliseconds: number): void {
    this.#until.set(what, Math.max(this.#until.get(what) ?? 0, this.clock.now() + milliseconds));
  }

  /** Nothing that concerns the call may be set aside. */
  #expectOpen(endpoint: string, call: Call, state: string): void {
    const [account = '', region = ''] = endpoint.split('/');
    const organization = account[0] ?? '';
    const at = this.clock.now();
    assert.notEqual(state, 'open', `sent to ${endpoint}, whose breaker is open`);
    const underWay = this.sent.filter(
      (sent) => !sent.ended && sent.trial && `${sent.account}/${sent.region}` === endpoint,
    );
    if (state === 'half-open') assert.equal(underWay.length, 0, `two trials at ${endpoint}`);
    for (const [what, until] of this.#until) {
      const concerned = [`limit ${organization} ${call.model}`, `account ${account}`];
      if (concerned.includes(what)) assert.ok(at >= until, `${what} is set aside until ${until}, and it is ${at}`);
    }
    const overload = this.#overloads.get(`${region} ${call.model}`);
    if (overload !== undefined && overload.count > 1) {
      assert.ok(
        at >= overload.until,
        `${call.model} is overloaded in ${region} until ${overload.until}, and it is ${at}`,
      );
    }
  }

  check(): void {
    const [surprise] = this.#surprises;
    if (surprise !== undefined) throw surprise;
    for (const { deadline } of this.waiting.values()) {
      assert.ok(deadline > this.clock.now(), 'a call waits past its deadline');
    }
    for (const organization of ['a', 'b']) {
      for (const model of MODELS) {
        const sent = this.sent.filter((one) => one.organization === organization && one.model === model);
        assert.ok(sent.filter((one) => !one.ended).length <= CONCURRENT, 'too many under way');
        this.#checkMinutes(sent, () => 1, REQUESTS);
        this.#checkMinutes(sent, (one) => one.input, INPUT);
      }
    }
  }

  /** Whatever minute is looked at, it holds at most the limit and one burst. */
  #checkMinutes(sent: readonly Sent[], amount: (one: Sent) => number, limit: number): void {
    const burst = (limit * BURST_MS) / 60_000;
    for (const { at: from } of sent) {
      const minute = sent.filter(({ at }) => at >= from && at < from + 60_000);
      const sum = minute.reduce((total, one) => total + amount(one), 0);
      assert.ok(sum <= limit + burst + 1e-6, `${sum} in the minute from ${from}, limit ${limit}`);
    }
  }

  /** Ends all, lets all cool-downs pass, and then everything must be as at first. */
  async finish(): Promise<void> {
    for (let round = 0; round < 100 && (this.waiting.size > 0 || this.sent.some((sent) => !sent.ended)); round++) {
      for (const sent of this.sent) if (!sent.ended) sent.end('fine', 0);
      await this.clock.pass(1_000);
    }
    assert.equal(this.waiting.size, 0, 'a call was neither served nor refused');
    await this.clock.pass(3_600_000);
    for (const { modelClass: name, inFlight, coolingFor, limits } of this.pool.snapshot().modelClasses) {
      assert.equal(inFlight, 0, `${name} leaks permits`);
      assert.equal(coolingFor, 0);
      for (const { limit, available } of limits) assert.equal(available, (limit * BURST_MS) / 60_000);
    }
    for (const endpoint of this.pool.snapshot().endpoints) assert.equal(endpoint.inFlight, 0);
    assert.equal(this.pool.canServe, true);
    await this.pool.close();
  }
}

async function run(t: TestContext, steps: readonly Step[]): Promise<void> {
  const world = new World(t);
  const calls: Promise<void>[] = [];
  try {
    for (const step of steps) {
      const times = 'times' in step ? step.times : 1;
      for (let time = 0; time < times; time++) {
        if (step.do === 'send') calls.push(world.call(MODELS[step.model] ?? '', step.size, step.patience));
        else if (step.do === 'end') {
          world.end(step.which, step.how, step.retryAfter);
          // What the model sets aside at once, the pool learns with the rejection.
          await turn();
        } else if (step.do === 'cancel') world.cancel(step.which);
        else await world.clock.pass(step.milliseconds);
      }
      await turn();
      world.check();
    }
    await world.finish();
    await Promise.all(calls);
  } finally {
    t.mock.timers.reset();
  }
}

test('whatever happens, limits hold, nobody waits too long, nothing leaks, and what is set aside is left alone', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 120, size: 'max' }), (steps) => run(t, steps)),
    { numRuns: 60 },
  );
});

test('the models of the random test are paced apart', () => {
  assert.equal(new Set(MODELS.map((model) => modelClass('messages', model))).size, MODELS.length);
});
