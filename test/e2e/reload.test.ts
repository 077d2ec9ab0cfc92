/** Settings that change while calls run. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { reloader } from '../../src/main/reload.ts';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { parseLimits } from '../../src/simulator/limits/rules.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { account, ask, byAccount, configOf, type Outcome, startPooled, startRegion, statuses, until } from './relay.ts';

/** Long enough for every reload to meet calls under way. */
const LATENCY = parseLatency('30ms+5ms/token');

/** Keeps a dozen callers calling, unary and streams, until stopped; resolves with how all their calls ended. */
function callers(call: (index: number) => Promise<Outcome>): { readonly stop: () => Promise<readonly Outcome[]> } {
  const stopped = new AbortController();
  const outcomes: Outcome[] = [];
  const run = async (index: number): Promise<void> => {
    while (!stopped.signal.aborted) outcomes.push(await call(index));
  };
  const running = Array.from({ length: 12 }, (_, index) => run(index));
  return {
    async stop() {
      stopped.abort();
      await Promise.all(running);
      return outcomes;
    },
  };
}

function requestsOf(region: Simulator, key: string): number {
  return region.requests().filter((record) => record.key === key).length;
}

describe('a reload', () => {
  test('adds, drains and removes accounts and changes keys without dropping a call', async () => {
    await using us = await startRegion({ latency: LATENCY });
    const settings = (...accounts: readonly object[]): object => ({ accounts });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => account(name, { us }));
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    await using relay = await startPooled(settings(a));
    const load = callers((index) => (index % 2 === 0 ? relay.complete(ask()) : relay.stream(ask())));
    await until(us.requests, (requests) => byAccount(requests)['a'] !== undefined);

    await relay.reload(settings(a, b));
    await until(us.requests, (requests) => (byAccount(requests)['b'] ?? 0) >= 10);

    await relay.reload(settings(b, c));
    const { a: last = 0 } = byAccount(us.requests());
    await until(us.requests, (requests) => (byAccount(requests)['c'] ?? 0) >= 10);
    // What was about to be sent when it left may still have come.
    assert.ok((byAccount(us.requests())['a'] ?? 0) <= last + 12);

    await relay.reload(settings({ ...b, api_key: 'key-renewed' }, { ...c, weight: 3 }));
    const oldKey = requestsOf(us, 'key-b');
    await until(us.requests, () => requestsOf(us, 'key-renewed') >= 10);
    assert.ok(requestsOf(us, 'key-b') <= oldKey + 12);

    await relay.reload(settings(c));
    await until(us.requests, (requests) => requests.slice(-20).every(({ key }) => key === 'key-c'));
    const outcomes = await load.stop();
    assert.deepEqual(statuses(outcomes), { OK: outcomes.length });
    assert.equal(us.counters().aborted, 0);
    assert.deepEqual(
      (await relay.health()).endpoints.map((endpoint) => endpoint.account),
      ['c'],
    );
  });

  test('takes the breakers of accounts that left out of the metrics, and shows those that came', async () => {
    await using us = await startRegion();
    const settings = (name: string): object => ({ accounts: [account(name, { us })] });
    await using relay = await startPooled(settings('a'));
    const shown = async (): Promise<string[]> =>
      (await relay.admin('/metrics')).text.split('\n').filter((line) => line.startsWith('claude_relay_breaker_state{'));
    assert.deepEqual(await shown(), ['claude_relay_breaker_state{account="a",region="us"} 0']);
    await relay.reload(settings('b'));
    assert.deepEqual(await shown(), ['claude_relay_breaker_state{account="b",region="us"} 0']);
  });

  test('takes limits and round trips of what left out of the metrics, and keeps those of what stays', async () => {
    const limits = parseLimits('rpm=1000');
    await using us = await startRegion({ limits });
    await using eu = await startRegion({ limits });
    const routing = { strategy: 'round_robin', affinity: 'off', probe: { method: 'tcp', interval: '1h' } };
    const settings = (...accounts: readonly object[]): object => ({ routing, accounts });
    await using relay = await startPooled(settings(account('a', { us }), account('b', { eu })));
    const shown = async (): Promise<string[]> =>
      (await relay.admin('/metrics')).text
        .split('\n')
        .filter((line) => /^claude_relay_(account_limit_remaining|region_rtt_seconds)\{/.test(line))
        .sort();
    const shownOnceAsked = async (): Promise<string[]> => {
      await relay.complete(ask());
      return shown();
    };
    const areAllThere =
      (...names: readonly string[]) =>
      (lines: readonly string[]) =>
        names.every((name) => lines.some((line) => line.includes(`"${name}"`)));
    await until(shownOnceAsked, areAllThere('a', 'b', 'us', 'eu'));
    const before = await shown();

    await relay.reload(settings(account('a', { us }), account('c', { us })));
    assert.deepEqual(
      await shown(),
      before.filter((line) => /"(a|us)"/.test(line)),
    );
    await until(shownOnceAsked, areAllThere('a', 'c', 'us'));
  });

  test('waits for nobody, and a call at an account that left ends where it is', async () => {
    await using us = await startRegion({ faults: parseFaults('stall:keys=key-a,for=1s') });
    const settings = (name: string): object => ({ accounts: [account(name, { us })] });
    await using relay = await startPooled(settings('a'));
    const slow = relay.complete(ask());
    await us.findRequest(({ key }) => key === 'key-a');
    await relay.reload(settings('b'));
    assert.equal(us.counters().open, 1, 'the reload waited for the call');
    const quick = await relay.complete(ask());
    assert.deepEqual([quick.status, quick.relay.account], ['OK', 'b']);
    const outcome = await slow;
    assert.deepEqual([outcome.status, outcome.relay.account], ['OK', 'a']);
  });

  test('makes a relay that could not serve ready again', async () => {
    await using us = await startRegion({ apiKeys: [{ key: 'key-good' }] });
    await using relay = await startPooled({ accounts: [account('bad', { us })] });
    assert.deepEqual(statuses([await relay.complete(ask())]), { 'UNAVAILABLE UPSTREAM_CREDENTIALS': 1 });
    assert.equal((await relay.admin('/readyz')).status, 503);
    await relay.reload({ accounts: [{ ...account('bad', { us }), api_key: 'key-good' }] });
    assert.equal((await relay.admin('/readyz')).status, 200);
    assert.deepEqual(statuses([await relay.complete(ask())]), { OK: 1 });
  });

  test('moves between configured accounts and the simulated upstream, and says which it is', async () => {
    await using us = await startRegion();
    await using relay = await startPooled({});
    assert.equal(relay.relay.simulated, true);
    await relay.reload({ accounts: [account('a', { us })] });
    assert.equal(relay.relay.simulated, false);
    assert.equal((await relay.complete(ask())).relay.account, 'a');
    await relay.reload({});
    assert.equal(relay.relay.simulated, true);
    assert.equal((await relay.complete(ask())).relay.account, 'simulator');
  });

  test('names the settings that differ and need a restart, and no others', async () => {
    await using us = await startRegion();
    const accounts = [account('a', { us })];
    const token = 'a'.repeat(64);
    await using relay = await startPooled({ accounts, admin: { listen: '127.0.0.1:0', token_sha256: token } });
    const same = { accounts, admin: { listen: '127.0.0.1:0', token_sha256: token } };
    assert.deepEqual(await relay.reload(same), []);
    assert.deepEqual(await relay.reload({ ...same, accounts: [...accounts, account('b', { us })] }), []);
    const other = {
      accounts,
      server: { listen: '127.0.0.1:50099', drain_timeout: '1s', allow_anonymous: true, max_connection_age: '10m' },
      admin: { listen: '127.0.0.1:0', token_sha256: 'b'.repeat(64) },
      upstream: { timeout: '5m', breaker: { open_for: '3s' }, signing: { secret: 'signs' } },
      routing: { hedge_after: 'p95', probe: { interval: '1m' } },
      queue: { max_wait: '1s' },
      redis: { url: 'redis://127.0.0.1:1' },
      stream: { flush_interval: '5ms' },
      log: { level: 'error' },
    };
    assert.deepEqual([...(await relay.reload(other))].sort(), [
      'admin.token_sha256',
      'log.level',
      'queue.max_wait',
      'redis',
      'routing.hedge_after',
      'routing.probe.interval',
      'server.listen',
      'server.max_connection_age',
      'stream.flush_interval',
      'upstream.breaker.open_for',
      'upstream.signing',
      'upstream.timeout',
    ]);
    assert.deepEqual(await relay.reload(same), []);
  });

  test('that would let everybody in from outside is refused, and changes nothing', async () => {
    const tenants = [{ name: 'team', token_sha256: 'a'.repeat(64) }];
    const replaced: string[] = [];
    const reload = reloader(await configOf({ tenants, server: { listen: '0.0.0.0:0' } }), {
      server: { setTls: () => replaced.push('tls') },
      access: { replace: () => replaced.push('tenants') },
      answers: { replace: () => replaced.push('answers') },
      upstreams: { replace: async () => void replaced.push('accounts') },
    });
    await assert.rejects(reload(await configOf({ server: { listen: '127.0.0.1:0' } })), /No tenant is configured/);
    assert.deepEqual(replaced, []);
    await reload(await configOf({ server: { listen: '0.0.0.0:0', allow_anonymous: true } }));
    assert.deepEqual(replaced, ['tls', 'tenants', 'answers', 'accounts']);
  });
});

/** A relay as its users start it, with a configuration file. */
class Served implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #lines: string[] = [];
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#ended = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#lines.push(line));
    }
  }

  static async start(settings: object): Promise<Served> {
    const folder = await mkdtemp(join(tmpdir(), 'relay-served-'));
    const path = join(folder, 'relay.yaml');
    await writeFile(path, JSON.stringify(settings));
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const child = spawn(process.execPath, [main, 'serve', '--config', path], { env: {} });
    const served = new Served(child, folder);
    await served.logged('serves gRPC');
    return served;
  }

  async write(text: string): Promise<void> {
    await writeFile(join(this.#folder, 'relay.yaml'), text);
  }

  hangUp(): void {
    this.#child.kill('SIGHUP');
  }

  /** Resolves with the first line that holds the text, and takes it and all before it off the log. */
  async logged(text: string): Promise<string> {
    const at = await until(
      () => this.#lines.findIndex((line) => line.includes(text)),
      (found) => found >= 0 || this.#child.exitCode !== null,
    );
    assert.ok(at >= 0, this.#lines.join('\n'));
    return this.#lines.splice(0, at + 1).at(-1) ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    await rm(this.#folder, { recursive: true });
  }
}

test('a changed file and SIGHUP are taken over; a bad file keeps the running settings and is explained', async () => {
  await using us = await startRegion();
  const settings = (...names: readonly string[]): object => ({
    server: { listen: '127.0.0.1:0' },
    admin: { listen: '127.0.0.1:0' },
    routing: { probe: { method: 'off' } },
    accounts: names.map((name) => account(name, { us })),
  });
  await using served = await Served.start(settings('a'));

  await served.write(JSON.stringify({ ...settings('a', 'b'), queue: { max_length: 5 } }));
  assert.match(await served.logged('configuration reloaded'), /"need_restart":\["queue.max_length"\]/);

  await served.write('accounts: [{ name: a, api_kee: secret-of-mine }]');
  const refused = await served.logged('is not taken over');
  assert.match(refused, /accounts\[0\]\.api_key/);
  assert.ok(!refused.includes('secret-of-mine'));

  served.hangUp();
  await served.logged('is not taken over');

  await served.write(JSON.stringify(settings('b')));
  assert.match(await served.logged('configuration reloaded'), /"need_restart":\[\]/);
  served.hangUp();
  await served.logged('configuration reloaded');
});
