/** One account of several is out of service: callers notice nothing, and its operator is told by metrics, log and health. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { pourStream, startUpstream, type Written } from './core-upstream.ts';
import { account, all, ask, byAccount, type RunningRelay, startPooled, startRegion, statuses } from './relay.ts';

const CALLS = 60;
const UNPAID = 'UNAVAILABLE UPSTREAM_CREDENTIALS';

/** Asked before the other, so that it is met for certain. */
const FIRST = { priority: 0 };
const SECOND = { priority: 1 };

async function assertUnnoticed(relay: RunningRelay): Promise<void> {
  const unary = await all(CALLS / 2, () => relay.complete(ask()));
  const streams = await all(CALLS / 2, () => relay.stream(ask()));
  assert.deepEqual(statuses([...unary, ...streams]), { OK: CALLS });
}

async function stateOf(relay: RunningRelay, name: string) {
  const { endpoints } = await relay.health();
  const found = endpoints.find((endpoint) => endpoint.account === name);
  assert.ok(found, `/healthz does not show ${name}`);
  return found;
}

test('a revoked key takes its account out, and nothing else', async () => {
  await using us = await startRegion({ apiKeys: [{ key: 'key-good' }] });
  await using relay = await startPooled({
    accounts: [account('revoked', { us }, FIRST), account('good', { us }, SECOND)],
  });
  await assertUnnoticed(relay);

  assert.ok((await relay.metric('claude_relay_upstream_requests_total', { account: 'revoked', status: '401' })) > 0);
  assert.ok((await relay.metric('claude_relay_retries_total', { reason: 'UPSTREAM_CREDENTIALS' })) > 0);
  const line = await relay.logged('refuses the key');
  assert.deepEqual([line.level, line['account']], ['warn', 'revoked']);
  assert.ok((await stateOf(relay, 'revoked')).account_suspended_for_ms > 0);
  assert.equal((await stateOf(relay, 'revoked')).breaker, 'closed');
  assert.equal((await stateOf(relay, 'good')).account_suspended_for_ms, 0);
  assert.equal((await relay.admin('/readyz')).status, 200);
  const lines = JSON.stringify(relay.log) + (await relay.admin('/metrics')).text + (await relay.admin('/healthz')).text;
  assert.ok(!lines.includes('key-revoked'), 'the key was shown');
});

describe('an organization that cannot pay is left alone', () => {
  const refusals = [
    '402-billing',
    '402-linked-organization',
    '429-contract-spend-limit',
    '429-spend-cap-no-retry-after',
  ];
  for (const refusal of [...refusals, '400-own-spend-limit']) {
    test(`after ${refusal}`, async () => {
      await using spent = await startRefusing(refusal);
      await using us = await startRegion();
      await using relay = await startPooled({
        accounts: [account('spent', { us: spent }, FIRST), account('good', { us }, SECOND)],
      });
      await assertUnnoticed(relay);

      const status = refusal.slice(0, 3);
      assert.ok((await relay.metric('claude_relay_upstream_requests_total', { account: 'spent', status })) > 0);
      const line = await relay.logged('spend limit or billing');
      assert.deepEqual([line.level, line['organization']], ['warn', 'spent']);
      assert.ok((await stateOf(relay, 'spent')).organization_suspended_for_ms > 0);
      assert.equal((await stateOf(relay, 'spent')).breaker, 'closed');
      const asked = spent.requests();
      await assertUnnoticed(relay);
      assert.equal(spent.requests(), asked, 'it was asked again');
    });
  }
});

test('a gateway that refuses a key with 403 opens its breaker', async () => {
  await using gateway = await startRefusing('403-gateway');
  await using us = await startRegion();
  await using relay = await startPooled({
    accounts: [account('refused', { us: gateway }, FIRST), account('good', { us }, SECOND)],
  });
  await assertUnnoticed(relay);
  assert.deepEqual((await stateOf(relay, 'refused')).breaker, 'open');
});

test('a firewall that refuses one prompt everywhere takes nothing out for the others', async () => {
  await using fence = await startFence('<script>');
  await using relay = await startPooled({ accounts: ['a', 'b', 'c'].map((name) => account(name, { fence })) });
  for (let time = 0; time < 5; time++) {
    const fenced = await all(2, () => relay.complete(ask({ text: `what does <script> do, ${time}?` })));
    assert.deepEqual(statuses(fenced), { 'UNAVAILABLE UPSTREAM_CREDENTIALS': 2 });
    await assertUnnoticed(relay);
  }
});

test('an account that is rate-limited for a minute is left alone for that minute', async () => {
  await using us = await startRegion({ faults: parseFaults('429:keys=key-limited,retry-after=60') });
  await using relay = await startPooled({
    accounts: [account('limited', { us }, FIRST), account('good', { us }, SECOND)],
  });
  await assertUnnoticed(relay);
  const { limited = 0 } = byAccount(us.requests());
  assert.equal(
    await relay.metric('claude_relay_upstream_requests_total', { account: 'limited', status: '429' }),
    limited,
  );
  assert.ok((await relay.metric('claude_relay_retries_total', { reason: 'RATE_LIMITED' })) > 0);
  const line = await relay.logged('rate-limited');
  assert.deepEqual([line.level, line['organization']], ['warn', 'limited']);
  const { model_classes: classes } = await relay.health();
  const cooling = classes.find(({ organization }) => organization === 'limited')?.cooling_for_ms ?? 0;
  assert.ok(cooling > 50_000 && cooling <= 60_000, `it is left alone for ${cooling} ms`);

  await assertUnnoticed(relay);
  assert.equal(byAccount(us.requests())['limited'], limited, 'it was asked again');
});

test('when every key is refused the caller is told that it is the operator who must act', async () => {
  await using us = await startRegion({ apiKeys: [{ key: 'key-of-nobody' }] });
  await using relay = await startPooled({ accounts: ['a', 'b'].map((name) => account(name, { us })) });
  const outcomes = await all(5, () => relay.complete(ask()));
  assert.deepEqual(statuses(outcomes), { 'UNAVAILABLE UPSTREAM_CREDENTIALS': 5 });
  assert.equal((await relay.admin('/readyz')).status, 503);
});

describe('when the only organization is out of service, the caller is told the same thing as at first', () => {
  const refusals = { '429-contract-spend-limit': 'RESOURCE_EXHAUSTED RATE_LIMITED', '402-billing': UNPAID };
  for (const [refusal, expected] of Object.entries(refusals)) {
    test(`after ${refusal}`, async () => {
      await using spent = await startRefusing(refusal);
      await using relay = await startPooled({ accounts: [account('spent', { us: spent })] });
      const outcomes = [await relay.complete(ask()), await relay.complete(ask()), await relay.stream(ask())];
      assert.deepEqual(statuses(outcomes), { [expected]: 3 });
      assert.equal(new Set(outcomes.map(({ message }) => message)).size, 1);
      assert.equal(spent.requests(), 1);
    });
  }
});

interface Refusing extends AsyncDisposable {
  readonly url: string;
  readonly requests: () => number;
}

/** An upstream that gives every request one recorded refusal; `403-gateway` is that of no API but of something before it. */
async function startRefusing(name: string): Promise<Refusing> {
  const recorded =
    name === '403-gateway'
      ? { status: 403, headers: { 'content-type': 'text/plain' }, body: 'denied' }
      : (JSON.parse(await readFile(new URL(`../fixtures/errors/${name}.json`, import.meta.url), 'utf8')) as Recorded);
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    request.resume().once('end', () => {
      response.writeHead(recorded.status, { ...recorded.headers });
      response.end(JSON.stringify(recorded.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const MESSAGE = JSON.stringify({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5-5',
  content: [],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 1 },
});

/** A firewall that lets no request pass that holds these words, and an upstream behind it that answers all others. */
async function startFence(words: string): Promise<Written> {
  return startUpstream((response, body) => {
    if (body.includes(words)) response.writeHead(403, { 'content-type': 'text/html' }).end('<html>blocked</html>');
    else if (body.includes('"stream":true')) pourStream(response, 2, 'Hi');
    else response.writeHead(200, { 'content-type': 'application/json' }).end(MESSAGE);
  });
}

interface Recorded {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}
