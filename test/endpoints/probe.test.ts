import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/endpoints/clock.ts';
import { type ProbeOptions, startProbes } from '../../src/endpoints/probe.ts';
import { icmp, type RoundTrip, tcp } from '../../src/endpoints/round-trip.ts';
import { FakeClock, turn } from './fakes.ts';

const REGION = { name: 'us', baseUrl: 'https://us.example' };

function setUp(t: TestContext, options: Partial<ProbeOptions>) {
  const clock = new FakeClock(t.mock.timers);
  const measured: string[] = [];
  const unmeasured: string[] = [];
  const logged: string[] = [];
  const stop = startProbes({
    method: 'icmp',
    intervalMs: 10_000,
    regions: () => [REGION],
    measured: (region, method, milliseconds) => measured.push(`${region.name} ${method} ${milliseconds}`),
    unmeasured: (region) => unmeasured.push(region.name),
    log: (message) => logged.push(message),
    icmp: async () => ({ kind: 'measured', milliseconds: 12 }),
    tcp: async () => ({ kind: 'measured', milliseconds: 30 }),
    clock,
    ...options,
  });
  return { clock, measured, unmeasured, logged, stop };
}

test('each region is measured in each round, until it is stopped', async (t) => {
  const { clock, measured, stop } = setUp(t, {});
  await turn();
  await clock.pass(10_000);
  stop();
  await clock.pass(60_000);
  assert.deepEqual(measured, ['us icmp 12', 'us icmp 12']);
});

test('where ping cannot run it says so once and measures by TCP', async (t) => {
  const impossible: RoundTrip = { kind: 'impossible', why: 'ping failed: ENOENT' };
  const regions = () => [REGION, { name: 'eu', baseUrl: 'https://eu.example' }];
  const { clock, measured, logged, stop } = setUp(t, { regions, icmp: async () => impossible });
  await turn();
  await clock.pass(10_000);
  stop();
  assert.deepEqual(measured, ['us tcp 30', 'eu tcp 30', 'us tcp 30', 'eu tcp 30']);
  assert.deepEqual(logged, ['Ping cannot be used (ping failed: ENOENT): distances are measured by TCP connect.']);
});

test('a host that does not answer to ping is measured by TCP, and others by ping', async (t) => {
  const regions = () => [REGION, { name: 'eu', baseUrl: 'https://eu.example' }];
  const { measured, logged, stop } = setUp(t, {
    regions,
    icmp: async (url) =>
      url.hostname === 'us.example'
        ? { kind: 'silent', why: 'no answer to ping' }
        : { kind: 'measured', milliseconds: 12 },
  });
  await turn();
  stop();
  assert.deepEqual(measured.toSorted(), ['eu icmp 12', 'us tcp 30']);
  assert.equal(logged.length, 1);
});

test('what cannot be measured at all is logged once for each trouble', async (t) => {
  const silent: RoundTrip = { kind: 'silent', why: 'ECONNREFUSED' };
  const { clock, measured, unmeasured, logged, stop } = setUp(t, { method: 'tcp', tcp: async () => silent });
  await turn();
  await clock.pass(10_000);
  stop();
  assert.deepEqual([measured, unmeasured], [[], ['us', 'us']]);
  assert.deepEqual(logged, ['The distance of region us cannot be measured: ECONNREFUSED.']);
});

test('a TCP connect is measured against a real listener, and a closed port is silent', async () => {
  const server = createServer((socket) => socket.destroy());
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const result = await tcp(systemClock)(new URL(`http://127.0.0.1:${port}`));
  assert.ok(result.kind === 'measured' && result.milliseconds >= 0);
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(await tcp(systemClock)(new URL(`http://127.0.0.1:${port}`)), {
    kind: 'silent',
    why: 'ECONNREFUSED',
  });
});

test('a ping command that does not exist makes ICMP impossible', async () => {
  const result = await icmp('no-such-ping-command')(new URL('http://127.0.0.1'));
  assert.deepEqual(result, { kind: 'impossible', why: 'ping failed: ENOENT' });
});

test("the ping's own words are read, and its exit status 1 is silence", async () => {
  const script = new URL('./fake-ping.sh', import.meta.url).pathname;
  assert.deepEqual(await icmp(script)(new URL('http://127.0.0.1')), { kind: 'measured', milliseconds: 0.042 });
  assert.deepEqual(await icmp(script)(new URL('http://127.0.0.2')), { kind: 'silent', why: 'no answer to ping' });
  assert.deepEqual(await icmp(script)(new URL('http://[::1]')), { kind: 'impossible', why: 'ping failed: 2' });
});
