/** Whoever goes away, however and whenever: the upstream request ends at once, and nothing of the call stays behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type ServiceError, status } from '@grpc/grpc-js';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { type Holdings, startChild } from './core-process.ts';
import { ask, Client, type CoreRelay, settingsFor, startCore } from './core-relay.ts';
import { frameOf, openSession, sendCall } from './core-wire.ts';

/** Where a call is when its caller goes away, by the fault that holds it there. */
const STAGES = { 'before the answer begins': 'stall', 'in the middle of a stream': 'stall:after=8' } as const;

/** A call under way that its test can leave. */
interface UnderWay {
  readonly leave: () => void;
  /** The status that its caller gets to see; undefined for one that is gone. */
  readonly error: Promise<ServiceError | undefined>;
}

type Leaving = (core: CoreRelay, rpc: 'Complete' | 'CompleteStream') => UnderWay;

function clientCall(core: CoreRelay, rpc: 'Complete' | 'CompleteStream', options: { deadline?: number }): UnderWay {
  const error = Promise.withResolvers<ServiceError | undefined>();
  if (rpc === 'Complete') {
    const call = core.client.begin(rpc, ask('Hello'), ({ error: thrown }) => error.resolve(thrown), { options });
    return { leave: () => call.cancel(), error: error.promise };
  }
  const call = core.client.stream(ask('Hello'), { options });
  call.on('error', (thrown: ServiceError) => error.resolve(thrown)).resume();
  return { leave: () => call.cancel(), error: error.promise };
}

/** Long enough for the call to get upstream, on a busy machine too. */
const DEADLINE_MS = 1_000;

const WAYS: Readonly<Record<string, { readonly code?: status; readonly begin: Leaving }>> = {
  'cancels its call': { code: status.CANCELLED, begin: (core, rpc) => clientCall(core, rpc, {}) },
  'reaches its deadline': {
    code: status.DEADLINE_EXCEEDED,
    begin: (core, rpc) => ({
      ...clientCall(core, rpc, { deadline: Date.now() + DEADLINE_MS }),
      leave: () => undefined,
    }),
  },
  'resets its stream': {
    begin: (core, rpc) => {
      const session = openSession(core.relay.address);
      const stream = sendCall(session, rpc, frameOf(ask('Hello')));
      const gone = once(stream, 'close').then(() => {
        session.destroy();
        return undefined;
      });
      return { leave: () => stream.close(), error: gone };
    },
  },
  'loses its connection': {
    begin: (core, rpc) => {
      const session = openSession(core.relay.address);
      sendCall(session, rpc, frameOf(ask('Hello')));
      return { leave: () => session.socket.destroy(), error: once(session, 'close').then(() => undefined) };
    },
  },
};

/** Calls of a round, between which the relay's memory is looked at. */
const ROUND = 4_000;

describe('a caller that goes away', () => {
  for (const [way, { code, begin }] of Object.entries(WAYS)) {
    for (const [stage, fault] of Object.entries(STAGES)) {
      for (const rpc of ['Complete', 'CompleteStream'] as const) {
        it(`${way} ${stage} (${rpc}): the upstream sees the abort`, { timeout: 10_000 }, async (test) => {
          await using simulator = await startSimulator({ ...defaultSimulatorOptions, faults: parseFaults(fault) });
          // A unary call is in the middle of a stream where the relay asks for one upstream.
          await using core = await startCore(settingsFor(simulator.url, { upstream: { stream_unary_above: 0 } }));
          const call = begin(core, rpc);
          const events = stage.startsWith('in') ? 8 : 0;
          await simulator.findRequest(
            ({ outcome, fault: struck, events: sent }) => outcome === 'open' && struck !== undefined && sent >= events,
          );
          const leftAt = performance.now();
          call.leave();
          const [record, error] = await Promise.all([
            simulator.findRequest(({ outcome }) => outcome !== 'open'),
            call.error,
          ]);
          assert.equal(record.outcome, 'aborted');
          assert.equal(simulator.counters().requests, 1, 'a call that was given up is not tried again');
          assert.equal(error?.code, code);
          test.diagnostic(`after ${(performance.now() - leftAt).toFixed(1)} ms`);
        });
      }
    }
  }

  it('leaves nothing behind, 12,000 times over', { timeout: 120_000 }, async (test) => {
    await using simulator = await startSimulator({
      ...defaultSimulatorOptions,
      latency: parseLatency('10ms~10ms+1ms/event'),
      recordCapacity: 0,
    });
    await using relay = await startChild({
      accounts: [
        {
          name: 'main',
          api_key: 'sk-test',
          // Fewer than there are calls, so that some are given up while they wait.
          limits: { concurrent_requests: 64 },
          regions: [{ name: 'local', base_url: simulator.url }],
        },
      ],
      // Node keeps some hundred bytes for each length of time that an unreferenced timer had, until that time is over: each
      // connection's age has another length.
      server: { listen: '127.0.0.1:0', max_connection_age: 'off' },
      // What is kept of answers is no leak.
      cache: { mode: 'off' },
      // Idle connections to the upstream are soon gone too.
      upstream: { pool: { idle_timeout: '1s' } },
    });
    const idle = held(await relay.collected());
    const callers = new Departures(relay.address);
    await callers.run(3_000);
    const rounds = [await settled()];
    for (let round = 0; round < 3; round++) {
      await callers.run(ROUND);
      rounds.push(await settled());
    }
    test.diagnostic(`ended: ${JSON.stringify(callers.endings)}; upstream: ${JSON.stringify(simulator.counters())}`);
    const [before, after] = [rounds[0], rounds.at(-1)];
    assert(before !== undefined && after !== undefined);
    assert.deepEqual(after.warnings, []);
    assert.equal(after.listeners, before.listeners);
    test.diagnostic(`objects: ${rounds.map(({ objects }) => objects).join(', ')}`);
    const left = (after.objects - before.objects) / (3 * ROUND);
    assert.ok(left < 0.5, `a call leaves ${left} objects behind`);
    // Strings are no objects. What calls leave is left in each round, unlike code that gets compiled in one of them.
    const bytes = rounds.slice(1).map(({ heapUsed }, round) => (heapUsed - (rounds[round]?.heapUsed ?? 0)) / ROUND);
    test.diagnostic(`bytes a call, by rounds: ${bytes.map((each) => each.toFixed(1)).join(', ')}`);
    assert.ok(Math.min(...bytes) < 100, `a call leaves at least ${Math.min(...bytes)} bytes behind`);

    /** What the relay holds once it holds no more sockets and timers than before its first call. */
    async function settled(): Promise<Holdings> {
      callers.close();
      for (const gauge of ['claude_relay_requests_in_flight', 'claude_relay_streams_open']) {
        while ((await relay.metric(gauge)) > 0) await wait(20);
      }
      while (!isDeepStrictEqual(held(await relay.holdings()), idle)) await wait(20);
      return relay.collected();
    }
  });
});

/** Sockets, servers and timers of a process. */
function held({ resources }: Holdings): Record<string, number> {
  const { Immediate: _, ...lasting } = resources;
  return lasting;
}

/** Callers that go away: each call in another way, at another time. */
class Departures {
  readonly endings: Record<string, number> = {};
  readonly #address: string;
  #clients: Client[] = [];
  #count = 0;

  constructor(address: string) {
    this.#address = address;
  }

  async run(calls: number): Promise<void> {
    this.#clients = Array.from({ length: 4 }, () => new Client(this.#address));
    const end = this.#count + calls;
    const lane = async (): Promise<void> => {
      while (this.#count < end) await this.#call(this.#count++);
    };
    await Promise.all(Array.from({ length: 128 }, lane));
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.#clients = [];
  }

  async #call(index: number): Promise<void> {
    const rpc = index % 2 === 0 ? 'Complete' : 'CompleteStream';
    // From "not sent yet" to "nearly answered".
    const milliseconds = (index * 7) % 160;
    // The relay remembers requests, within bounds: those of the first round are all that there are.
    const request = ask(`Question ${index % 1_000}`);
    const ending = await [
      () => this.#cancel(rpc, milliseconds, request),
      () => this.#deadline(rpc, milliseconds, request),
      () => this.#disconnect(rpc, milliseconds, request),
    ][Math.floor(index / 2) % 3]?.();
    this.endings[String(ending)] = (this.endings[String(ending)] ?? 0) + 1;
  }

  #client(): Client {
    const client = this.#clients[this.#count % this.#clients.length];
    assert(client !== undefined);
    return client;
  }

  #cancel(rpc: string, milliseconds: number, request: object): Promise<status> {
    const { promise, resolve } = Promise.withResolvers<status>();
    const call =
      rpc === 'Complete'
        ? this.#client().begin(rpc, request, ({ error }) => resolve(error?.code ?? status.OK))
        : this.#client()
            .stream(request)
            .on('status', ({ code }) => resolve(code))
            .on('error', () => undefined)
            .resume();
    setTimeout(() => call.cancel(), milliseconds);
    return promise;
  }

  async #deadline(rpc: string, milliseconds: number, request: object): Promise<status> {
    const options = { deadline: Date.now() + milliseconds };
    const { error } =
      rpc === 'Complete'
        ? await this.#client().ask(rpc, request, { options })
        : await this.#client().readStream(request, { options });
    return error?.code ?? status.OK;
  }

  async #disconnect(rpc: string, milliseconds: number, request: object): Promise<string> {
    const session = openSession(this.#address);
    const calls: ClientHttp2Stream[] = [1, 2].map(() => sendCall(session, rpc, frameOf(request)).resume());
    // One that is answered in time closes before.
    const closed = calls.map((call) => new Promise((resolve) => call.once('close', resolve)));
    await wait(milliseconds);
    session.socket.destroy();
    await Promise.all(closed);
    return 'disconnected';
  }
}
