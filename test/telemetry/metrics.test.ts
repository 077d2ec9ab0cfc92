import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, type EndpointReading, type KnownLabels } from '../../src/telemetry/metrics.ts';

const KNOWN: KnownLabels = {
  tenant: (name) => name === 'search',
  model: (id) => id.startsWith('claude-'),
  account: (name) => name === 'primary',
  region: (name) => name === 'us-east',
};

const SOUND: EndpointReading = {
  account: 'primary',
  region: 'us-east',
  breaker: 'closed',
  keyRefused: false,
  organizationRefused: false,
};

const CONTRACT = [
  'claude_requests_total',
  'claude_request_duration',
  'claude_relay_upstream_requests_total',
  'claude_relay_upstream_duration_seconds',
  'claude_relay_time_to_first_token_seconds',
  'claude_relay_overhead_seconds',
  'claude_relay_queue_length',
  'claude_relay_queue_seconds',
  'claude_relay_breaker_state',
  'claude_relay_breaker_transitions_total',
  'claude_relay_region_rtt_seconds',
  'claude_relay_account_limit_remaining',
  'claude_relay_retries_total',
  'claude_relay_cache_requests_total',
  'claude_relay_cache_bytes',
  'claude_relay_cache_entries',
  'claude_relay_cache_evictions_total',
  'claude_relay_cache_refreshes_total',
  'claude_relay_tokens_total',
  'claude_relay_cost_usd_total',
  'claude_relay_saved_usd_total',
  'claude_relay_streams_open',
  'claude_relay_requests_in_flight',
];

function used() {
  const metrics = createMetrics(KNOWN);
  metrics.watchCache(() => ({ bytes: 10, entries: 2, evictions: 3, refreshes: 4 }));
  metrics.callBegun(true);
  metrics.callBegun(false);
  metrics.callEnded(false);
  metrics.callCounted({ status: 'OK', total: 700, overhead: 1.5 });
  metrics.callCounted({ status: 'RESOURCE_EXHAUSTED', total: 3 });
  metrics.cacheLookup('COALESCED');
  metrics.cacheLookup('UNSPECIFIED');
  metrics.tokensUsed('search', 'claude-a', { input_tokens: 7, output_tokens: 0 });
  metrics.costIncurred('search', 'claude-a', 0.25);
  metrics.costSaved('search', 'claude-a', 0.5);
  metrics.upstreamAnswered('primary', 'us-east', 529, 1200);
  metrics.upstreamAnswered('primary', 'us-east', undefined, 10);
  metrics.firstToken('primary', 'us-east', 300);
  metrics.queueLength('background', 5);
  metrics.queueWaited('background', 20);
  metrics.breakerChanged('primary', 'us-east', 'half-open');
  metrics.watchBreakers(() => [{ ...SOUND, breaker: 'half-open' }]);
  metrics.watchRegions(() => ['us-east']);
  metrics.roundTrip('us-east', 'tcp', 12);
  metrics.watchAccounts(() => ['primary']);
  metrics.limitRemaining('primary', 'requests', 99);
  metrics.retried('UPSTREAM_OVERLOADED');
  return metrics;
}

test('every metric of the contract is there, with its values in seconds', async () => {
  const { contentType, text } = await used().render('*/*');
  assert.match(contentType, /^text\/plain/);
  for (const name of CONTRACT) assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'));
  for (const line of [
    'claude_requests_total{status="OK"} 1',
    'claude_requests_total{status="RESOURCE_EXHAUSTED"} 1',
    'claude_request_duration_bucket{le="0.5"} 1',
    'claude_request_duration_bucket{le="1"} 2',
    'claude_request_duration_count 2',
    'claude_relay_overhead_seconds_count 1',
    'claude_relay_upstream_requests_total{account="primary",region="us-east",status="529"} 1',
    'claude_relay_upstream_requests_total{account="primary",region="us-east",status="error"} 1',
    'claude_relay_queue_length{priority="background"} 5',
    'claude_relay_breaker_state{account="primary",region="us-east"} 1',
    'claude_relay_breaker_transitions_total{account="primary",region="us-east",state="half-open"} 1',
    'claude_relay_region_rtt_seconds{region="us-east",method="tcp"} 0.012',
    'claude_relay_account_limit_remaining{account="primary",limit="requests"} 99',
    'claude_relay_cache_requests_total{result="coalesced"} 1',
    'claude_relay_cache_evictions_total 3',
    'claude_relay_tokens_total{tenant="search",model="claude-a",kind="input"} 7',
    'claude_relay_cost_usd_total{tenant="search",model="claude-a"} 0.25',
    'claude_relay_streams_open 1',
    'claude_relay_requests_in_flight 1',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  assert.ok(!text.includes('unspecified') && !text.includes('kind="output"'));
});

test('the buckets of the request duration are 0.1 0.5 1 2 5', async () => {
  const { text } = await used().render('');
  const bounds = [...text.matchAll(/^claude_request_duration_bucket\{le="([^"]+)"/gm)].map(([, bound]) => bound);
  assert.deepEqual(bounds, ['0.1', '0.5', '1', '2', '5', '+Inf']);
});

test('the format is the one that a scraper likes best', async () => {
  const metrics = createMetrics(KNOWN);
  const open = 'application/openmetrics-text';
  const cases: readonly [accept: string, isOpen: boolean][] = [
    // As Prometheus 3 and 2 ask.
    [
      `${open};version=1.0.0;escaping=allow-utf-8;q=0.6,${open};version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.2`,
      true,
    ],
    [`${open};version=1.0.0,${open};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`, true],
    [`${open};q=0.5,text/plain;version=0.0.4;q=0.9`, false],
    [`${open};q=0.5,text/plain;version=0.0.4;q=0.5`, true],
    [`${open};q=0,*/*`, false],
    [`${open};version=2.0.0`, false],
    ['*/*', false],
    ['application/json', false],
    ['', false],
  ];
  for (const [accept, isOpen] of cases) {
    assert.equal((await metrics.render(accept)).contentType.startsWith(open), isOpen, accept);
  }
});

test('OpenMetrics is served when asked for, and leaves Prometheus text as it was', async () => {
  const metrics = used();
  const before = (await metrics.render('')).text;
  const { contentType, text } = await metrics.render('application/openmetrics-text; version=1.0.0, text/plain;q=0.5');
  assert.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/);
  assert.match(text, /^# TYPE claude_requests counter$/m);
  assert.match(text, /^claude_requests_total\{status="OK"\} 1$/m);
  assert.match(text, /^# TYPE claude_relay_queue_seconds histogram$/m);
  assert.ok(text.endsWith('\n# EOF\n') && !text.includes('\n\n'));
  assert.equal((await metrics.render('')).text, before);
});

test('what is not configured makes no series of its own, and neither does too much that is', async () => {
  const metrics = createMetrics({ ...KNOWN, model: () => true });
  for (let i = 0; i < 1000; i++) metrics.costIncurred(`tenant-${i}`, `model-${i}`, 1);
  const { text } = await metrics.render('');
  const series = text.split('\n').filter((line) => line.startsWith('claude_relay_cost_usd_total{'));
  assert.ok(series.length <= 201, String(series.length));
  assert.ok(series.every((line) => line.includes('tenant="other"')));
});

test('breakers are shown as they stand at the scrape, and those that left no more', async () => {
  const metrics = createMetrics(KNOWN);
  let endpoints: readonly EndpointReading[] = [SOUND];
  metrics.watchBreakers(() => endpoints);
  const shown = async (): Promise<string[]> => {
    const { text } = await metrics.render('');
    return [...text.matchAll(/^claude_relay_breaker_state\{account="([^"]+)".*?\} (\d)$/gm)].map(
      ([, account, state]) => `${account} ${state}`,
    );
  };
  assert.deepEqual(await shown(), ['primary 0']);

  endpoints = [
    { ...SOUND, account: 'unknown-1', breaker: 'half-open' },
    { ...SOUND, account: 'unknown-2', breaker: 'open' },
    { ...SOUND, account: 'unknown-3' },
  ];
  assert.deepEqual(await shown(), ['other 2'], 'of those that share a series, the worst off');
});

test('an account is shown as suspended while its key or its organization is refused, in whatever region that was told', async () => {
  const metrics = createMetrics({ ...KNOWN, account: () => true, region: () => true });
  let endpoints: readonly EndpointReading[] = [
    { ...SOUND, account: 'a', region: 'us', keyRefused: true },
    { ...SOUND, account: 'a', region: 'eu', keyRefused: true },
    { ...SOUND, account: 'b', organizationRefused: true },
  ];
  metrics.watchBreakers(() => endpoints);
  const shown = async (): Promise<string[]> => {
    const { text } = await metrics.render('');
    return [...text.matchAll(/^claude_relay_account_suspended\{account="(\w+)",cause="(\w+)"\} (\d)$/gm)].map(
      ([, account, cause, value]) => `${account} ${cause} ${value}`,
    );
  };
  assert.deepEqual(await shown(), ['a key 1', 'a organization 0', 'b key 0', 'b organization 1']);
  endpoints = [{ ...SOUND, account: 'a' }];
  assert.deepEqual(await shown(), ['a key 0', 'a organization 0']);
});

test('what counts an endpoint is shown from the time when it is connected, and what was counted before stays', async () => {
  const metrics = createMetrics(KNOWN);
  const shown = async (): Promise<readonly string[]> =>
    (await metrics.render('')).text.split('\n').filter((line) => line.includes('account="primary"'));
  assert.deepEqual(await shown(), []);
  metrics.endpointConnected('primary', 'us-east');
  const lines = await shown();
  assert.ok(lines.length > 0 && lines.length < 20 && lines.every((line) => line.endsWith('} 0')), lines.join('\n'));

  metrics.breakerChanged('primary', 'us-east', 'open');
  metrics.endpointConnected('primary', 'us-east');
  const changed = 'claude_relay_breaker_transitions_total{account="primary",region="us-east",state="open"}';
  assert.ok(lines.includes(`${changed} 0`));
  assert.deepEqual(
    await shown(),
    lines.map((line) => (line.startsWith(changed) ? `${changed} 1` : line)),
  );
});

test('limits and round trips are shown of the accounts and regions that there are, and no others', async () => {
  const metrics = createMetrics({ ...KNOWN, account: (name) => name !== 'unknown', region: () => true });
  let accounts: readonly string[] = ['a', 'b'];
  let regions: readonly string[] = ['us', 'eu'];
  metrics.watchAccounts(() => accounts);
  metrics.watchRegions(() => regions);
  const shown = async (): Promise<string[]> => {
    const { text } = await metrics.render('');
    const gauges = /^claude_relay_(?:account_limit_remaining|region_rtt_seconds)\{\w+="(\w+)",\w+="(\w+)"\} (\S+)$/gm;
    return [...text.matchAll(gauges)].map(([, thing, kind, value]) => `${thing} ${kind} ${value}`).sort();
  };
  assert.deepEqual(await shown(), [], 'nothing was told yet');

  for (const account of ['a', 'b']) metrics.limitRemaining(account, 'requests', 99);
  metrics.limitRemaining('a', 'input_tokens', 5);
  metrics.limitRemaining('a', 'requests', 98);
  metrics.roundTrip('us', 'tcp', 12);
  metrics.roundTrip('eu', 'icmp', 80);
  const ofA = ['a input_tokens 5', 'a requests 98'];
  assert.deepEqual(await shown(), [...ofA, 'b requests 99', 'eu icmp 0.08', 'us tcp 0.012']);

  accounts = ['a', 'unknown'];
  regions = ['us'];
  metrics.limitRemaining('b', 'requests', 97);
  assert.deepEqual(await shown(), [...ofA, 'us tcp 0.012'], 'an answer that was under way brings nothing back');
  metrics.limitRemaining('unknown', 'requests', 7);
  assert.deepEqual(await shown(), [...ofA, 'other requests 7', 'us tcp 0.012']);

  accounts = ['b'];
  regions = ['us', 'eu'];
  assert.deepEqual(await shown(), ['us tcp 0.012'], 'what comes again begins anew');
});

test('the process’s own metrics are there when asked for', async () => {
  const metrics = createMetrics(KNOWN);
  assert.doesNotMatch((await metrics.render('')).text, /process_cpu/);
  metrics.includeProcess();
  assert.match((await metrics.render('')).text, /process_cpu/);
});
