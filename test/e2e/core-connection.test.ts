/** What a connection takes: as much as its callers may need, of which grpc-js and Node by themselves give less. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { describe, it } from 'node:test';
import { parseLatency } from '../../src/simulator/latency.ts';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { ask, settingsFor, startCore } from './core-relay.ts';
import { frameOf, openSession, sendCall } from './core-wire.ts';

describe('a connection', { timeout: 30_000 }, () => {
  it('has room for a megabyte of one request and for eight of all', async () => {
    await using core = await startCore(
      settingsFor('http://127.0.0.1:9', { server: { listen: '127.0.0.1:0', max_concurrent_streams: 7 } }),
    );
    const session = openSession(core.relay.address);
    await once(session, 'remoteSettings');
    await roundTrip(session);
    const { initialWindowSize, maxConcurrentStreams, maxHeaderListSize } = session.remoteSettings;
    const { remoteWindowSize } = session.state;
    session.close();
    assert.deepEqual(
      { initialWindowSize, maxConcurrentStreams, maxHeaderListSize, remoteWindowSize },
      { initialWindowSize: 2 ** 20, maxConcurrentStreams: 7, maxHeaderListSize: 65_535, remoteWindowSize: 2 ** 23 },
    );
  });

  it('outlives waves of calls that are given up', async () => {
    await using simulator = await startSimulator(defaultSimulatorOptions);
    await using core = await startCore(settingsFor(simulator.url));
    const session = openSession(core.relay.address);
    await once(session, 'remoteSettings');
    // By itself nghttp2 would end it after a thousand, and Node refuse what comes in their place.
    for (let wave = 0; wave < 4; wave++) {
      const calls = Array.from({ length: 800 }, () => sendCall(session, 'Complete', frameOf(ask('Hello'))).resume());
      const closed = calls.map((call) => once(call, 'close'));
      await roundTrip(session);
      for (const call of calls) call.close(constants.NGHTTP2_CANCEL);
      await Promise.all(closed);
      for (const { rstCode } of calls) assert.equal(rstCode, constants.NGHTTP2_CANCEL);
    }
    assert.equal(await statusOf(sendCall(session, 'Complete', frameOf(ask('Hello')))), '0');
    session.close();
  });

  it('that is told to go away for its age lets its calls come to their end, however long they take', async () => {
    await using simulator = await startSimulator({ ...defaultSimulatorOptions, latency: parseLatency('1500ms') });
    const server = { listen: '127.0.0.1:0', max_connection_age: '100ms', keepalive_time: '200ms' };
    await using core = await startCore(settingsFor(simulator.url, { server }));
    const session = openSession(core.relay.address);
    const goaway = once(session, 'goaway');
    const call = statusOf(sendCall(session, 'Complete', frameOf(ask('Hello'))));
    assert.equal((await goaway)[0], constants.NGHTTP2_NO_ERROR);
    assert.equal(await call, '0');
  });

  it('lets its calls come to their end at a drain, however long they take', async () => {
    await using simulator = await startSimulator({ ...defaultSimulatorOptions, latency: parseLatency('1500ms') });
    const server = { listen: '127.0.0.1:0', keepalive_time: '200ms' };
    await using core = await startCore(settingsFor(simulator.url, { server }));
    const call = statusOf(sendCall(openSession(core.relay.address), 'Complete', frameOf(ask('Hello'))));
    await simulator.findRequest(({ outcome }) => outcome === 'open');
    const report = core.relay.drain();
    assert.equal(await call, '0');
    assert.deepEqual(await report, { inFlight: 1, cut: 0 });
  });

  it('carries calls with much time and many metadata', async () => {
    await using simulator = await startSimulator(defaultSimulatorOptions);
    await using core = await startCore(settingsFor(simulator.url));
    const session = openSession(core.relay.address);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-pair-${index}`, 'v']));
    for (const headers of [
      { 'grpc-timeout': '600H' },
      { 'grpc-timeout': '99999999H' },
      { 'grpc-timeout': '9999999S' },
      many,
    ]) {
      assert.equal(await statusOf(sendCall(session, 'Complete', frameOf(ask('Hello')), headers)), '0');
    }
    session.close();
  });
});

async function statusOf(call: ClientHttp2Stream): Promise<unknown> {
  const [trailers] = await once(call.resume(), 'trailers');
  return trailers['grpc-status'];
}

function roundTrip(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => void session.ping(() => resolve()));
}
