/** A region goes dark or slow in the middle of load, and heals. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { account, all, ask, countBy, type Outcome, startPooled, startRegion, statuses, until } from './relay.ts';

const LATENCY = parseLatency('300ms~50ms+1ms/token');
/** max_tokens above which the relay asks for a stream although its caller wants none. */
const STREAMED_UPSTREAM = { max_tokens: 8_000 };

/** Loses its address for a while: every connection breaks, and new ones are refused. */
async function restart(region: Simulator, options: Parameters<typeof startRegion>[0]): Promise<Simulator> {
  await region.close();
  return startRegion({ ...options, port: region.port });
}

function hasContent({ events }: Outcome): boolean {
  return events.some((event) => event['content_block_start'] !== undefined);
}

describe('a region that goes dark', () => {
  test('fails no unary call and no stream that had not begun', async () => {
    const us = await startRegion({ latency: LATENCY });
    await using eu = await startRegion({ latency: LATENCY });
    await using relay = await startPooled({ accounts: ['a', 'b'].map((name) => account(name, { us, eu })) });
    const unary = all(120, () => relay.complete(ask()));
    const longUnary = all(60, () => relay.complete(ask(STREAMED_UPSTREAM)));
    const streams = all(120, () => relay.stream(ask()));
    await until(us.counters, ({ open, answered }) => open >= 40 && answered >= 10);
    const { open } = us.counters();
    await us.close();

    assert.deepEqual(statuses(await unary), { OK: 120 });
    assert.deepEqual(statuses(await longUnary), { OK: 60 });
    const broken = (await streams).filter(({ status }) => status !== 'OK');
    assert.ok(broken.every((outcome) => outcome.reason === 'STREAM_INTERRUPTED' && hasContent(outcome)));
    assert.ok(open > broken.length, `${open} calls were under way there, and ${broken.length} were lost`);
    assert.deepEqual(statuses(await all(50, () => relay.stream(ask()))), { OK: 50 });
  });

  test('opens its breakers, is tried again, and gets its traffic back', async () => {
    const options = { latency: parseLatency('20ms') };
    const us = await startRegion(options);
    await using eu = await startRegion(options);
    // Long enough for what is asked below of a breaker that is open; then a trial is due, and the region counts as alive.
    const upstream = { breaker: { open_for: '3s' } };
    await using relay = await startPooled({ upstream, accounts: [account('a', { us, eu })] });
    const send = async (): Promise<readonly Outcome[]> => all(20, () => relay.complete(ask()));
    await send();
    assert.ok(us.counters().requests > 0);

    await us.close();
    const meanwhile = await until(send, () => relay.log.some(({ msg }) => msg.includes('now open')));
    assert.deepEqual(statuses(meanwhile), { OK: 20 });
    assert.equal(await relay.metric('claude_relay_breaker_state', { region: 'us' }), 2);
    assert.equal((await relay.admin('/health/regions/us')).status, 503);
    assert.equal((await relay.admin('/health/regions/eu')).status, 200);
    assert.equal((await relay.admin('/readyz')).status, 200);

    await using healed = await restart(us, options);
    await until(send, () => healed.counters().answered >= 20);
    assert.equal(await relay.metric('claude_relay_breaker_state', { region: 'us' }), 0);
    assert.equal((await relay.admin('/health/regions/us')).status, 200);
    const states = relay.log.filter(({ msg }) => msg.startsWith('the breaker is now')).map(({ msg }) => msg.slice(19));
    assert.deepEqual(
      [states.at(0), states.at(1), states.at(-2), states.at(-1)],
      ['open', 'half-open', 'half-open', 'closed'],
    );
    assert.equal(await relay.metric('claude_relay_breaker_state', { region: 'eu' }), 0);
  });
});

test('a region that is ten times slower and fails every third call loses its traffic, and callers lose nothing', async () => {
  const options = { latency: parseLatency('40ms~10ms') };
  await using us = await startRegion(options);
  await using eu = await startRegion(options);
  await using relay = await startPooled({ accounts: ['a', 'b'].map((name) => account(name, { us, eu })) });
  const share = (outcomes: readonly Outcome[]): number =>
    (countBy(outcomes, (outcome) => outcome.relay.region ?? '')['us'] ?? 0) / outcomes.length;
  const round = async (): Promise<readonly Outcome[]> => {
    const rounds: Outcome[] = [];
    // Few at a time: a fast region that is busy enough is no better than a slow one.
    for (let turn = 0; turn < 20; turn++) rounds.push(...(await all(4, () => relay.stream(ask()))));
    return rounds;
  };
  const before = share(await round());
  assert.ok(before > 0.2 && before < 0.8, `${before} of the traffic went there while both were alike`);

  us.setSlowdown(10);
  us.setFaults(parseFaults('500:rate=0.3'));
  const atOnce = await round();
  const settled = await round();
  assert.deepEqual(statuses([...atOnce, ...settled]), { OK: 160 });
  assert.ok(share(settled) < before / 2, `${share(settled)} of the traffic still goes there`);
});
