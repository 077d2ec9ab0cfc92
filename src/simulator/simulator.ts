import { once } from 'node:events';
import type { FaultRule } from './faults/rules.ts';
import type { ContentEncoding } from './http/encoding.ts';
import type { Latency } from './latency.ts';
import type { LimitRule } from './limits/rules.ts';
import type { SimulatorOptions } from './options.ts';
import type { Counters, RequestRecord, Tally } from './records.ts';
import { createHttpServer } from './server.ts';
import { createState } from './state.ts';

/** A running stand-in for the Claude API. */
export interface Simulator {
  /** Base URL, without a slash at its end: `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly port: number;
  /** Lets open requests finish for `closeGrace`, then cuts them; to be called again without harm. */
  readonly close: () => Promise<void>;
  /** `close`, for `await using`. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
  /** The latest requests, oldest first. */
  readonly requests: () => readonly RequestRecord[];
  /** Resolves with the first request, remembered or to come, that satisfies the predicate. */
  readonly findRequest: (predicate: (record: RequestRecord) => boolean) => Promise<RequestRecord>;
  readonly counters: () => Counters;
  /** Totals by API key and model. */
  readonly tallies: () => readonly Tally[];
  /** From now on these rules hold; their times and counts start anew. */
  readonly setFaults: (faults: readonly FaultRule[]) => void;
  /** Holds for waits that begin from now on. */
  readonly setLatency: (latency: Latency) => void;
  /** From now on these rules hold; every bucket starts full. */
  readonly setLimits: (limits: readonly LimitRule[]) => void;
  /** Waits that begin from now on are multiplied by it. */
  readonly setSlowdown: (factor: number) => void;
  readonly setAcceptedEncodings: (encodings: readonly ContentEncoding[]) => void;
}

/** Rejects when the address cannot be listened on. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const state = createState(options, `${options.host}:${options.port}:${process.hrtime.bigint()}`);
  const server = createHttpServer(state);
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the simulator listens on no port');
  const { port } = address;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;

  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= closeServer();
    return closed;
  };
  async function closeServer(): Promise<void> {
    const ended = once(server, 'close');
    server.close();
    // Real time, whatever the clock: a test's clock may have stopped, with streams waiting for it.
    const hard = setTimeout(() => server.closeAllConnections(), options.closeGrace);
    await ended;
    clearTimeout(hard);
    // Sockets tell the server of their end before they tell their requests.
    await state.records.noneOpen();
  }

  return {
    url: `http://${host}:${port}`,
    port,
    close,
    [Symbol.asyncDispose]: close,
    requests: () => state.records.list(),
    findRequest: (predicate) => state.records.find(predicate),
    counters: () => state.records.counters(),
    tallies: () => state.records.tallies(),
    setFaults: (faults) => state.faults.setRules(faults),
    setLatency: (latency) => {
      state.pace.latency = latency;
    },
    setLimits: (limits) => state.limiter.setRules(limits),
    setSlowdown: (factor) => {
      state.pace.slowdown = factor;
    },
    setAcceptedEncodings: (accepted) => {
      state.encodings = { ...state.encodings, accepted };
    },
  };
}
