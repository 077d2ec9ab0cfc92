/** What a connection takes: as much as its callers may need, of which grpc-js and Node by themselves give less. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { describe, it } from 'node:test';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { ask, settingsFor, startCore } from './core-relay.ts';
import { frameOf, openSession, sendCall } from './core-wire.ts';

describe('a connection', () => {
  it('has room for a megabyte of one request and for eight of all', async () => {
    await using core = await startCore(
      settingsFor('http://127.0.0.1:9', { server: { listen: '127.0.0.1:0', max_concurrent_streams: 7 } }),
    );
    const session = openSession(core.relay.address);
    await once(session, 'remoteSettings');
    await roundTrip(session);
    const { initialWindowSize, maxConcurrentStreams } = session.remoteSettings;
    const { remoteWindowSize } = session.state;
    session.close();
    assert.deepEqual(
      { initialWindowSize, maxConcurrentStreams, remoteWindowSize },
      { initialWindowSize: 2 ** 20, maxConcurrentStreams: 7, remoteWindowSize: 2 ** 23 },
    );
  });

  it('outlives that all of its calls are given up at once, and again', async () => {
    await using simulator = await startSimulator(defaultSimulatorOptions);
    await using core = await startCore(settingsFor(simulator.url));
    const session = openSession(core.relay.address);
    await once(session, 'remoteSettings');
    const most = session.remoteSettings.maxConcurrentStreams ?? 0;
    assert.ok(most >= 1_000, 'by default it takes more than nghttp2 lets go at once');
    for (let wave = 0; wave < 2; wave++) {
      const calls = Array.from({ length: most - 1 }, () =>
        sendCall(session, 'Complete', frameOf(ask('Hello'))).resume(),
      );
      const closed = calls.map((call) => once(call, 'close'));
      await roundTrip(session);
      for (const call of calls) call.close();
      await Promise.all(closed);
    }
    await roundTrip(session);
    const last = sendCall(session, 'Complete', frameOf(ask('Hello'))).resume();
    const [trailers] = await once(last, 'trailers');
    assert.equal(trailers['grpc-status'], '0');
    session.close();
  });
});

function roundTrip(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => void session.ping(() => resolve()));
}
