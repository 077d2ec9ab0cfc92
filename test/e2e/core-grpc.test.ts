/** What gRPC offers its callers beside the calls themselves, over the whole relay. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { compressionAlgorithms, status } from '@grpc/grpc-js';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { delta } from '../providers/upstream.ts';
import { errorInfo } from '../server/support.ts';
import { ask, type Info, metadataOf, settingsFor, startCore } from './core-relay.ts';
import { beginStream, END, startUpstream } from './core-upstream.ts';
import { frameOf, openSession, sendCall, startProxy } from './core-wire.ts';

describe('requests', { timeout: 20_000 }, () => {
  it('may be compressed with gzip and reach the upstream as they were', async () => {
    await using simulator = await startSimulator({ ...defaultSimulatorOptions, recordBodies: true });
    await using core = await startCore(settingsFor(simulator.url));
    const gzip = core.connect({ 'grpc.default_compression_algorithm': compressionAlgorithms.gzip });
    const text = 'Tell me about tides. '.repeat(1_000);
    const { error } = await gzip.ask('Complete', ask(text));
    assert.equal(error, undefined);
    const { body } = await simulator.findRequest(() => true);
    assert.ok(body?.includes(JSON.stringify(text)));
  });

  it('carry their id and their trace context upstream, and the id comes back', async () => {
    await using simulator = await startSimulator(defaultSimulatorOptions);
    await using core = await startCore(settingsFor(simulator.url));
    const sent = {
      'x-request-id': 'order-4711/step-2',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=opaque',
    };
    for (const rpc of ['Complete', 'CompleteStream'] as const) {
      const made = { metadata: metadataOf({ ...sent, 'x-request-id': `${sent['x-request-id']}-${rpc}` }) };
      const relay: Info | undefined =
        rpc === 'Complete'
          ? (await core.client.ask(rpc, ask(rpc), made)).answer?.relay
          : (await core.client.readStream(ask(rpc), made)).events[0]?.relay;
      const id = `${sent['x-request-id']}-${rpc}`;
      const { headers } = await simulator.findRequest((record) => record.headers['x-request-id'] === id);
      assert.equal(headers['traceparent'], sent.traceparent);
      assert.equal(headers['tracestate'], sent.tracestate);
      assert.equal(relay?.request_id, id);
    }
  });
});

describe('deadlines', { timeout: 20_000 }, () => {
  it('end calls that still wait for capacity, which then never get upstream', async () => {
    await using simulator = await startSimulator({ ...defaultSimulatorOptions, faults: parseFaults('stall') });
    const regions = [{ name: 'local', base_url: simulator.url }];
    const account = { name: 'main', api_key: 'sk-test', limits: { concurrent_requests: 1 }, regions };
    await using core = await startCore({ accounts: [account] });
    const first = core.client.stream(ask('First'));
    first.on('error', () => undefined).resume();
    await simulator.findRequest(({ fault }) => fault !== undefined);
    for (const rpc of ['Complete', 'CompleteStream'] as const) {
      const options = { deadline: Date.now() + 100 };
      const { error } =
        rpc === 'Complete'
          ? await core.client.ask(rpc, ask('Second'), { options })
          : await core.client.readStream(ask('Third'), { options });
      assert.equal(error?.code, status.DEADLINE_EXCEEDED);
    }
    assert.equal(simulator.counters().requests, 1);
    first.cancel();
  });

  it('hold for the whole stream, whose beginning is delivered', async () => {
    const latency = parseLatency('1ms+50ms/event');
    await using simulator = await startSimulator({ ...defaultSimulatorOptions, latency });
    await using core = await startCore(settingsFor(simulator.url));
    const { events, error } = await core.client.readStream(ask('Go on'), { options: { deadline: Date.now() + 400 } });
    assert.ok(events.length > 0);
    assert.equal(error?.code, status.DEADLINE_EXCEEDED);
    assert.equal((await simulator.findRequest(({ outcome }) => outcome !== 'open')).outcome, 'aborted');
  });
});

describe('connections', { timeout: 20_000 }, () => {
  it('go away at their age, after the streams that are under way', async () => {
    const held: ServerResponse[] = [];
    await using upstream = await startUpstream((response) => {
      beginStream(response);
      held.push(response);
    });
    const server = { listen: '127.0.0.1:0', max_connection_age: '1s' };
    await using core = await startCore(settingsFor(upstream.url, { server }));
    const session = openSession(core.relay.address);
    const stream = sendCall(session, 'CompleteStream', frameOf(ask('Hello'))).resume();
    const trailers = once(stream, 'trailers');
    await once(session, 'goaway');
    for (const response of held) {
      response.write(delta('after the connection was told to go away'));
      response.end(END);
    }
    assert.equal((await trailers)[0]['grpc-status'], '0');
    await once(session, 'close');
  });

  it('are given up when the other end has silently gone, and so are their calls', async () => {
    await using simulator = await startSimulator({ ...defaultSimulatorOptions, faults: parseFaults('stall') });
    const server = { listen: '127.0.0.1:0', keepalive_time: '1s', keepalive_timeout: '100ms' };
    await using core = await startCore(settingsFor(simulator.url, { server }));
    const { hostname, port } = new URL(`http://${core.relay.address}`);
    // Between client and relay stands what forwards bytes, until it forwards none without closing anything.
    const toRelay = connect(Number(port), hostname);
    let isCut = false;
    await using proxy = await startProxy((socket) => {
      socket.on('data', (bytes) => isCut || toRelay.write(bytes));
      toRelay.on('data', (bytes) => isCut || socket.write(bytes));
    });
    const session = openSession(proxy.address);
    sendCall(session, 'CompleteStream', frameOf(ask('Hello'))).resume();
    await simulator.findRequest(({ fault }) => fault !== undefined);
    isCut = true;
    await once(toRelay.resume(), 'close');
    assert.equal((await simulator.findRequest(({ outcome }) => outcome !== 'open')).outcome, 'aborted');
    session.destroy();
  });

  it('that are silent but alive stay', async () => {
    const held: ServerResponse[] = [];
    await using upstream = await startUpstream((response) => {
      beginStream(response);
      held.push(response);
    });
    const server = { listen: '127.0.0.1:0', keepalive_time: '1s', keepalive_timeout: '500ms' };
    await using core = await startCore(settingsFor(upstream.url, { server }));
    const session = openSession(core.relay.address);
    const stream = sendCall(session, 'CompleteStream', frameOf(ask('Hello'))).resume();
    const trailers = once(stream, 'trailers');
    // The relay's own pings, answered by this end's HTTP/2, show that time has passed without harm.
    for (let pings = 0; pings < 2; pings++) await once(session, 'ping');
    for (const response of held) response.end(END);
    assert.equal((await trailers)[0]['grpc-status'], '0');
    session.destroy();
  });

  it('carry a refusal with its details to who asks for more than is served', async () => {
    await using simulator = await startSimulator(defaultSimulatorOptions);
    await using core = await startCore(
      settingsFor(simulator.url, { server: { listen: '127.0.0.1:0', max_request_bytes: 2_048 } }),
    );
    const { error } = await core.client.ask('Complete', ask('x'.repeat(4_000)));
    assert.equal(error?.code, status.RESOURCE_EXHAUSTED);
    assert.equal(errorInfo(error).reason, 'REQUEST_TOO_LARGE');
    assert.equal(simulator.counters().requests, 0);
  });
});
