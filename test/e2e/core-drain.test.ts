/** The real process drains on SIGTERM: whoever was let in is answered, whoever comes later goes elsewhere, and it exits well. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ServiceError, status } from '@grpc/grpc-js';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { type RelayProcess, startRelay } from '../interop/processes.ts';
import { errorInfo } from '../server/support.ts';
import { ask, Client, type Event, settingsFor, writeSettings } from './core-relay.ts';

async function serve(settings: object): Promise<RelayProcess> {
  const { path, remove } = writeSettings(settings);
  const relay = await startRelay({ env: { RELAY_CONFIG: path } });
  void relay.exited.then(remove);
  return relay;
}

interface Ended {
  readonly error?: ServiceError;
  readonly events: readonly Event[];
}

async function answerTo(client: Client, rpc: 'Complete' | 'CompleteStream', request: object): Promise<Ended> {
  return rpc === 'Complete' ? { events: [], ...(await client.ask(rpc, request)) } : client.readStream(request);
}

/** Whether a stream came to its end: an OK without `message_stop` would be a lie. */
function isWhole(events: readonly Event[]): boolean {
  return events.at(-1)?.event === 'message_stop';
}

/** By the relay, with its reason; or by the transport, in a way that gRPC libraries retry by themselves. */
function isRefusal(error: ServiceError): boolean {
  if (error.code !== status.UNAVAILABLE) return false;
  if (error.metadata.get('grpc-status-details-bin').length === 0) return true;
  const { reason } = errorInfo(error);
  return reason === 'DRAINING' && error.metadata.get('grpc-retry-pushback-ms').length === 0;
}

describe('SIGTERM', { timeout: 60_000 }, () => {
  it('loses no call that was let in, under load, and exits with 0', async (test) => {
    await using simulator = await startSimulator({
      ...defaultSimulatorOptions,
      latency: parseLatency('20ms~10ms+1ms/event'),
    });
    await using relay = await serve(settingsFor(simulator.url, { cache: { mode: 'off' } }));
    const clients = Array.from({ length: 4 }, () => new Client(relay.address));
    const loaded = Promise.withResolvers<void>();
    const refusals: ServiceError[] = [];
    let answered = 0;
    let asked = 0;
    const lanes = Array.from({ length: 48 }, async (_, lane) => {
      const client = clients[lane % clients.length];
      assert(client !== undefined);
      while (refusals.length < 200) {
        const request = ask(`Question ${++asked}`);
        const { error, events } = await answerTo(client, lane % 2 === 0 ? 'Complete' : 'CompleteStream', request);
        if (error !== undefined) {
          refusals.push(error);
          if (events.length > 0) assert.fail(`a stream that had begun was lost: ${error.message}`);
          continue;
        }
        assert.ok(lane % 2 === 0 || isWhole(events));
        if (++answered === 300) loaded.resolve();
      }
    });
    await loaded.promise;
    relay.terminate();
    await Promise.all(lanes);
    for (const error of refusals) assert.ok(isRefusal(error), error.message);
    assert.equal(await relay.exited, 0);
    const upstream = simulator.counters();
    assert.equal(upstream.aborted, 0, 'no request upstream was given up');
    assert.equal(upstream.answered, answered, 'each call that was let in got its answer, once');
    const [drained = ''] = relay.log.filter((line) => line.includes('"drained"'));
    assert.match(drained, /"cut":0/);
    test.diagnostic(`${answered} answered, ${refusals.length} refused; ${drained}`);
    for (const client of clients) client.close();
  });

  it('ends calls that outlast the drain timeout with DRAINING, and exits with 0', async () => {
    await using simulator = await startSimulator({ ...defaultSimulatorOptions, faults: parseFaults('stall:after=8') });
    const server = { listen: '127.0.0.1:0', drain_timeout: '200ms' };
    await using relay = await serve(settingsFor(simulator.url, { server }));
    const client = new Client(relay.address);
    const call = client.readStream(ask('Go on for ever'));
    await simulator.findRequest(({ events }) => events >= 8);
    relay.terminate();
    const { events, error } = await call;
    assert.ok(events.length > 0);
    assert.equal(error?.code, status.UNAVAILABLE);
    assert.equal(errorInfo(error).reason, 'DRAINING');
    assert.equal(await relay.exited, 0);
    const { outcome } = await simulator.findRequest((record) => record.outcome !== 'open');
    assert.equal(outcome, 'aborted');
    client.close();
  });
});
