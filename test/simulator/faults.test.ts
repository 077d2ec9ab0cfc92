import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text as readText } from 'node:stream/consumers';
import { after, before, beforeEach, test } from 'node:test';
import { FaultInjector } from '../../src/simulator/faults/injector.ts';
import { type FaultRule, parseFaults } from '../../src/simulator/faults/rules.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { call, dial, eventsOf, HELLO, open, post, start, typesOf } from './client.ts';
import { ManualClock } from './manual-clock.ts';

const STREAM = { ...HELLO, stream: true };
const clock = new ManualClock();
let simulator: Simulator;

before(async () => {
  simulator = await start({ clock });
});
after(() => simulator.close());
beforeEach(() => simulator.setFaults([]));

function strike(spec: string): void {
  simulator.setFaults(parseFaults(spec));
}

function errorTypes(text: string): readonly unknown[] {
  const errors = eventsOf(text).filter((event) => event['type'] === 'error');
  return errors.map((event) => (event['error'] as { type: unknown }).type);
}

test('HTTP faults have the statuses and bodies of the API', async () => {
  const expected: readonly [string, number, string, string | null][] = [
    ['401', 401, 'authentication_error', 'false'],
    ['402', 402, 'billing_error', null],
    ['403', 403, 'permission_error', 'false'],
    ['429', 429, 'rate_limit_error', 'true'],
    ['500', 500, 'api_error', 'true'],
    ['503', 503, 'api_error', null],
    ['504', 504, 'timeout_error', null],
    ['529', 529, 'overloaded_error', 'true'],
  ];
  for (const [kind, status, type, shouldRetry] of expected) {
    strike(kind);
    const answer = await post(simulator, HELLO);
    assert.equal(answer.status, status);
    assert.equal(answer.error().type, type);
    assert.equal(answer.error().requestId, answer.headers.get('request-id'));
    assert.equal(answer.headers.get('x-should-retry'), shouldRetry);
    assert.equal(answer.headers.get('x-claude-relay-simulator'), 'true');
    assert.equal(simulator.requests().at(-1)?.fault, kind);
  }
});

test('a 429 names its wait, and a spent contract does not', async () => {
  strike('429:retry-after=7');
  assert.equal((await post(simulator, HELLO)).headers.get('retry-after'), '7');
  strike('spend-limit');
  const spent = await post(simulator, HELLO);
  assert.equal(spent.status, 429);
  assert.equal(spent.headers.get('retry-after'), null);
  assert.equal(spent.error().details?.error_code, 'contract_spend_limit_reached');
});

test('faults of proxies come without JSON, request id or body', async () => {
  strike('502');
  const html = await post(simulator, HELLO);
  assert.equal(html.status, 502);
  assert.equal(html.headers.get('content-type'), 'text/html');
  assert.equal(html.headers.get('request-id'), null);
  assert.match(html.text, /<title>502 Bad Gateway<\/title>/);
  strike('empty-500');
  const empty = await post(simulator, HELLO);
  assert.equal(empty.status, 500);
  assert.equal(empty.text, '');
  assert.equal(empty.headers.get('x-claude-relay-simulator'), 'true');
});

test('an error event may come at the head of a stream, or in its middle', async () => {
  strike('error-head');
  const head = await post(simulator, STREAM);
  assert.equal(head.status, 200);
  assert.deepEqual(typesOf(head.text), ['error']);
  assert.deepEqual(errorTypes(head.text), ['overloaded_error']);

  strike('error-mid:after=4,error=api_error');
  const middle = await post(simulator, STREAM);
  assert.deepEqual(typesOf(middle.text), [
    'message_start',
    'content_block_start',
    'ping',
    'content_block_delta',
    'error',
  ]);
  assert.deepEqual(errorTypes(middle.text), ['api_error']);
  assert.equal(simulator.requests().at(-1)?.outcome, 'broken');

  strike('error-mid');
  assert.equal((await post(simulator, HELLO)).status, 529, 'a whole answer has no middle');
});

test('a stream may end early without message_stop', async () => {
  strike('eof:after=4');
  const { text } = await post(simulator, STREAM);
  assert.deepEqual(typesOf(text), ['message_start', 'content_block_start', 'ping', 'content_block_delta']);
  const whole = await post(simulator, HELLO);
  assert.throws(() => whole.json(), SyntaxError);
});

test('a cut breaks the connection after so many events, or within a whole answer', async () => {
  strike('cut:after=4');
  const { response } = await open(simulator, STREAM);
  let received = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    received += chunk;
  });
  const [error] = (await once(response, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
  assert.equal(typesOf(received).length, 4);
  await assert.rejects(post(simulator, HELLO), TypeError);
  assert.equal(simulator.requests().at(-1)?.outcome, 'broken');
});

test('a reset answers nothing at all', async () => {
  strike('reset');
  const outgoing = dial(simulator, HELLO);
  const [error] = (await once(outgoing, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
  assert.equal(simulator.requests().at(-1)?.status, 0);
});

test('a stall is silence, until its time is over', async () => {
  strike('stall:for=5s');
  const late = post(simulator, HELLO);
  await clock.waitingFor(1);
  assert.equal(simulator.requests().at(-1)?.status, 0);
  clock.advance(5_000);
  assert.equal((await late).status, 200);

  strike('stall:after=4,for=5s');
  const { response } = await open(simulator, STREAM);
  await clock.waitingFor(1);
  assert.equal(simulator.requests().at(-1)?.events, 4);
  clock.advance(5_000);
  assert.equal(typesOf(await readText(response)).at(-1), 'message_stop');
});

test('a stall without an end lasts until the client leaves', async () => {
  strike('stall');
  const outgoing = dial(simulator, HELLO);
  const arrived = await simulator.findRequest((record) => record.fault === 'stall' && record.outcome === 'open');
  outgoing.once('error', () => undefined).destroy();
  const gone = await simulator.findRequest((record) => record.id === arrived.id && record.outcome !== 'open');
  assert.equal(gone.outcome, 'aborted');
});

test('faults strike other endpoints only when told to', async () => {
  strike('500');
  assert.equal((await call(simulator, '/v1/models')).status, 200);
  strike('500:on=models;cut:on=batches');
  assert.equal((await call(simulator, '/v1/models')).status, 500);
  assert.equal((await post(simulator, HELLO)).status, 200);
  await assert.rejects(call(simulator, '/v1/messages/batches'), TypeError);
});

function strikes(rules: readonly FaultRule[], requests: number, model = 'claude-opus-5-5'): readonly number[] {
  const injector = new FaultInjector(rules, seededRandom('faults'), () => 0);
  const target = { endpoint: 'messages', key: 'k', model } as const;
  return Array.from({ length: requests }, (_, index) => index + 1).filter(() => injector.strike(target) !== undefined);
}

test('a fault can be for the n-th request, for some models, or for some time', () => {
  assert.deepEqual(strikes(parseFaults('500:nth=2-3'), 5), [2, 3]);
  assert.deepEqual(strikes(parseFaults('529:models=claude-opus-*'), 2), [1, 2]);
  assert.deepEqual(strikes(parseFaults('529:models=claude-opus-*'), 2, 'claude-haiku-5-5'), []);

  let now = 1_000;
  const injector = new FaultInjector(parseFaults('500:between=1s-2s'), seededRandom(''), () => now);
  const struckAt = (time: number): boolean => {
    now = time;
    return injector.strike({ endpoint: 'messages', key: '', model: '' }) !== undefined;
  };
  assert.deepEqual([1_999, 2_000, 2_999, 3_000].map(struckAt), [false, true, true, false]);
});

test('a rate strikes its share of requests, the same ones for the same seed', () => {
  const struck = strikes(parseFaults('500:rate=10%'), 5_000);
  assert(struck.length > 400 && struck.length < 600, String(struck.length));
  assert.deepEqual(strikes(parseFaults('500:rate=10%'), 5_000), struck);
});

test('of several rules that apply the first strikes', () => {
  const injector = new FaultInjector(parseFaults('500:nth=2;529'), seededRandom(''), () => 0);
  const kinds = [1, 2, 3].map(() => injector.strike({ endpoint: 'messages', key: '', model: '' })?.kind);
  assert.deepEqual(kinds, ['529', '500', '529']);
});
