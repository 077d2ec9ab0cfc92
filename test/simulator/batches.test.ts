import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { call, HELLO, post, start } from './client.ts';
import { ManualClock } from './manual-clock.ts';

const HOUR = 3_600_000;
const PATH = '/v1/messages/batches';

interface Batch {
  readonly id: string;
  readonly processing_status: string;
  readonly request_counts: Readonly<Record<string, number>>;
  readonly ended_at: string | null;
  readonly archived_at: string | null;
  readonly cancel_initiated_at: string | null;
  readonly results_url: string | null;
}

function items(count: number, params: object = HELLO): object {
  return { requests: Array.from({ length: count }, (_, index) => ({ custom_id: `item-${index}`, params })) };
}

async function create(simulator: Simulator, body: object, headers: Record<string, string> = {}): Promise<Batch> {
  const answer = await post(simulator, body, headers, PATH);
  assert.equal(answer.status, 200, answer.text);
  return answer.json() as unknown as Batch;
}

async function read(simulator: Simulator, id: string): Promise<Batch> {
  return (await call(simulator, `${PATH}/${id}`)).json() as unknown as Batch;
}

interface Line {
  readonly custom_id: string;
  readonly result: { readonly type: string; readonly error?: { readonly error: { readonly message: string } } };
}

async function results(simulator: Simulator, id: string): Promise<readonly Line[]> {
  const { text } = await call(simulator, `${PATH}/${id}/results`);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

test('a batch is processed for its time, and then gives its results in any order, the same each time', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, batchDuration: 10_000 });
  const created = await create(simulator, items(30));
  assert.match(created.id, /^msgbatch_/);
  assert.equal(created.processing_status, 'in_progress');
  assert.deepEqual(created.request_counts, { processing: 30, succeeded: 0, errored: 0, canceled: 0, expired: 0 });
  assert.equal(created.results_url, null);
  assert.equal((await call(simulator, `${PATH}/${created.id}/results`)).status, 404);

  clock.advance(10_000);
  const ended = await read(simulator, created.id);
  assert.equal(ended.processing_status, 'ended');
  assert.equal(ended.request_counts['succeeded'], 30);
  assert.equal(ended.results_url, `${simulator.url}${PATH}/${created.id}/results`);
  const lines = await results(simulator, created.id);
  const ids = lines.map((line) => line.custom_id);
  assert.equal(new Set(ids).size, 30);
  assert.notDeepEqual(
    ids,
    ids.toSorted((one, other) => Number(one.slice(5)) - Number(other.slice(5))),
  );
  assert.deepEqual(await results(simulator, created.id), lines);
});

test('what batches do not take becomes an errored result', async () => {
  await using simulator = await start({ batchDuration: 0 });
  const refusals: Readonly<Record<string, object>> = {
    'stream: not supported in batches': { ...HELLO, stream: true },
    'max_tokens: must be at least 1 in batches': { ...HELLO, max_tokens: 0 },
    'speed: not supported in batches': { ...HELLO, speed: 'fast' },
    'max_tokens: Field required': { ...HELLO, max_tokens: undefined },
  };
  const requests = Object.values(refusals).map((params, index) => ({ custom_id: String(index), params }));
  const { id, request_counts } = await create(simulator, { requests });
  assert.equal(request_counts['errored'], requests.length);
  const messages = (await results(simulator, id)).map(({ result }) => result.error?.error.message ?? 'fine');
  assert.deepEqual(messages.toSorted(), Object.keys(refusals).toSorted());
});

test('a canceled batch keeps what it had done', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, batchDuration: 10_000 });
  const { id } = await create(simulator, items(10));
  clock.advance(4_000);
  const canceling = await call(simulator, `${PATH}/${id}/cancel`, { method: 'POST' });
  assert.equal(canceling.json()['processing_status'], 'canceling');
  assert.equal(canceling.json()['cancel_initiated_at'], '2026-11-20T10:00:04.000Z');
  clock.advance(1_000);
  const ended = await read(simulator, id);
  assert.deepEqual(ended.request_counts, { processing: 0, succeeded: 4, errored: 0, canceled: 6, expired: 0 });
  const types = (await results(simulator, id)).map(({ result }) => result.type).toSorted();
  assert.deepEqual(types, [...Array<string>(6).fill('canceled'), ...Array<string>(4).fill('succeeded')]);
  assert.equal((await call(simulator, `${PATH}/${id}/cancel`, { method: 'POST' })).status, 400);
});

test('a batch that takes more than a day expires, and is archived after 29 days', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, batchDuration: 48 * HOUR });
  const { id } = await create(simulator, items(10));
  clock.advance(24 * HOUR);
  assert.deepEqual((await read(simulator, id)).request_counts, {
    processing: 0,
    succeeded: 5,
    errored: 0,
    canceled: 0,
    expired: 5,
  });
  clock.advance(28 * 24 * HOUR);
  const archived = await read(simulator, id);
  assert.equal(archived.archived_at, '2026-12-19T10:00:00.000Z');
  assert.equal(archived.results_url, null);
  assert.equal((await call(simulator, `${PATH}/${id}/results`)).status, 404);
});

test('batches are listed by page, newest first, and deleted once they have ended', async () => {
  const clock = new ManualClock();
  await using simulator = await start({ clock, batchDuration: 1_000 });
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) ids.unshift((await create(simulator, items(1))).id);
  const page = async (query: string): Promise<unknown> => {
    const { data, has_more } = (await call(simulator, `${PATH}?${query}`)).json() as unknown as {
      data: readonly Batch[];
      has_more: boolean;
    };
    return [data.map((batch) => batch.id), has_more];
  };
  assert.deepEqual(await page('limit=2'), [ids.slice(0, 2), true]);
  assert.deepEqual(await page(`limit=3&after_id=${ids[1]}`), [ids.slice(2), false]);
  assert.deepEqual(await page(`limit=2&before_id=${ids[3]}`), [ids.slice(1, 3), true]);

  const remove = () => call(simulator, `${PATH}/${ids[0]}`, { method: 'DELETE' });
  assert.equal((await remove()).status, 400);
  clock.advance(1_000);
  assert.deepEqual((await remove()).json(), { id: ids[0], type: 'message_batch_deleted' });
  assert.equal((await remove()).status, 404);
});

test('the envelope is judged at once, and batches of others do not exist', async () => {
  await using simulator = await start();
  const refused = async (body: object, message: RegExp) => {
    const answer = await post(simulator, body, {}, PATH);
    assert.equal(answer.status, 400);
    assert.match(answer.error().message, message);
  };
  await refused({}, /^requests: Field required$/);
  await refused({ requests: [] }, /at least 1 item/);
  await refused({ requests: [{ custom_id: 'a b', params: {} }] }, /^requests\.0\.custom_id: String should match/);
  const twice = { custom_id: 'x', params: {} };
  await refused({ requests: [twice, twice] }, /custom_id must be unique/);

  const { id } = await create(simulator, items(1));
  const foreign = await call(simulator, `${PATH}/${id}`, { headers: { 'x-api-key': 'sk-other' } });
  assert.equal(foreign.status, 404);
});

test('requests are judged by the version their batch was created with', async () => {
  await using simulator = await start({ batchDuration: 0 });
  const params = { ...HELLO, model: 'claude-sonnet-4-6', temperature: 0.5 };
  const old = await create(simulator, items(1, params), { 'anthropic-version': '2023-06-01' });
  assert.equal((await read(simulator, old.id)).request_counts['succeeded'], 1);
  const current = await create(simulator, items(1, params));
  assert.equal((await read(simulator, current.id)).request_counts['errored'], 1);
});
