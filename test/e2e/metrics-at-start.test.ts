/** What a scraper sees of a relay that nobody has called yet: `increase` misses the first event of series that begin with it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { REASONS } from '../../src/completion/errors.ts';
import { account, ask, type RunningRelay, startPooled, startRegion } from './relay.ts';

/** Samples of this name as they stand in the exposition. */
async function samples(relay: RunningRelay, name: string): Promise<readonly string[]> {
  const lines = (await relay.admin('/metrics')).text.split('\n');
  return lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)).sort();
}

function atZero(name: string, label: string, values: Iterable<string>): readonly string[] {
  return [...values].map((value) => `${name}{${label}="${value}"} 0`).sort();
}

const UPSTREAM_STATUSES = ['200', '401', '402', '403', '429', '500', '502', '503', '504', '529', 'error'];

/** The counters of one endpoint before it was sent anything. */
function untouched(name: string, region: string): readonly string[] {
  const endpoint = `account="${name}",region="${region}"`;
  return [
    ...UPSTREAM_STATUSES.map((status) => `claude_relay_upstream_requests_total{${endpoint},status="${status}"} 0`),
    ...['closed', 'half-open', 'open'].map(
      (state) => `claude_relay_breaker_transitions_total{${endpoint},state="${state}"} 0`,
    ),
  ].sort();
}

async function endpointCounters(relay: RunningRelay): Promise<readonly string[]> {
  const changes = await samples(relay, 'claude_relay_breaker_transitions_total');
  return [...changes, ...(await samples(relay, 'claude_relay_upstream_requests_total'))];
}

describe('before the first call', () => {
  test('every series whose labels are known is there, at 0', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: [account('a', { us })] });
    const expected = {
      claude_requests_total: atZero('claude_requests_total', 'status', [
        'OK',
        ...new Set(Object.values(REASONS).map(({ status }) => status)),
      ]),
      claude_relay_retries_total: atZero('claude_relay_retries_total', 'reason', [
        'RATE_LIMITED',
        'UPSTREAM_UNAVAILABLE',
        'UPSTREAM_OVERLOADED',
        'UPSTREAM_CREDENTIALS',
        'STREAM_INTERRUPTED',
        'HEDGED',
      ]),
      claude_relay_cache_requests_total: atZero('claude_relay_cache_requests_total', 'result', [
        'hit',
        'similar',
        'coalesced',
        'miss',
        'bypass',
      ]),
      claude_relay_queue_length: atZero('claude_relay_queue_length', 'priority', ['background', 'interactive']),
      claude_relay_queue_seconds_count: atZero('claude_relay_queue_seconds_count', 'priority', [
        'background',
        'interactive',
      ]),
      claude_relay_account_suspended: [
        'claude_relay_account_suspended{account="a",cause="key"} 0',
        'claude_relay_account_suspended{account="a",cause="organization"} 0',
      ],
    };
    for (const [name, lines] of Object.entries(expected)) assert.deepEqual(await samples(relay, name), lines);
    assert.deepEqual(await endpointCounters(relay), untouched('a', 'us'));
  });

  test('nothing is shown by tenant or model', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({ accounts: [account('a', { us })] });
    assert.doesNotMatch((await relay.admin('/metrics')).text, /^claude_\w+\{[^}]*\b(?:tenant|model)=/m);
  });
});

test('endpoints that came by a reload are counted from 0, and those that left keep what they have counted', async () => {
  await using us = await startRegion();
  await using relay = await startPooled({ accounts: [account('a', { us })] });
  assert.equal((await relay.complete(ask())).status, 'OK');
  const before = await endpointCounters(relay);
  await relay.reload({ accounts: [account('b', { us })] });
  assert.deepEqual([...(await endpointCounters(relay))].sort(), [...before, ...untouched('b', 'us')].sort());
  assert.ok(before.includes('claude_relay_upstream_requests_total{account="a",region="us",status="200"} 1'));
});

test('an account whose key is refused shows as suspended, and no more once a reload took it out', async () => {
  await using us = await startRegion({ apiKeys: [{ key: 'key-good' }] });
  const settings = (...names: readonly string[]): object => ({ accounts: names.map((name) => account(name, { us })) });
  await using relay = await startPooled(settings('revoked'));
  const refused = { account: 'revoked', cause: 'key' };
  const outcome = await relay.complete(ask());
  assert.equal(outcome.reason, 'UPSTREAM_CREDENTIALS');
  assert.equal(await relay.metric('claude_relay_account_suspended', refused), 1);
  assert.equal(await relay.metric('claude_relay_account_suspended', { cause: 'organization' }), 0);
  assert.equal(await relay.metric('claude_relay_retries_total'), 0, 'nobody else was there to be asked');
  assert.equal(await relay.metric('claude_relay_upstream_requests_total', { status: '401' }), 1);

  await relay.reload(settings('good'));
  assert.deepEqual(await samples(relay, 'claude_relay_account_suspended'), [
    'claude_relay_account_suspended{account="good",cause="key"} 0',
    'claude_relay_account_suspended{account="good",cause="organization"} 0',
  ]);
});
