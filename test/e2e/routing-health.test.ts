/** What load balancers, probes and DNS failover are told while endpoints can serve, cannot, and can again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import { account, all, ask, type RunningRelay, startPooled, startRegion, statuses, until } from './relay.ts';

const SERVICES = ['', 'claude.relay.v1.RelayService'];

interface HealthAnswer {
  readonly status: string;
}

function method(name: string): MethodDefinition<object, object> {
  const found = service[name];
  if (found === undefined) throw new Error(`no method ${name} in grpc.health.v1.Health`);
  return found;
}

/** `grpc.health.v1.Health` as a mesh asks it. */
class HealthClient implements Disposable {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure());
  }

  check(name: string): Promise<string> {
    const { path, requestSerialize, responseDeserialize } = method('Check');
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: name }, (error, answer) => {
        if (error !== null) reject(error);
        else resolve((answer as HealthAnswer).status);
      });
    });
  }

  /** All that a watch was told so far. */
  watch(name: string): readonly string[] {
    const { path, requestSerialize, responseDeserialize } = method('Watch');
    const told: string[] = [];
    this.#client
      .makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: name })
      .on('data', ({ status }: HealthAnswer) => told.push(status))
      .on('error', () => told.push('ended'));
    return told;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

async function told(relay: RunningRelay, health: HealthClient): Promise<readonly unknown[]> {
  const pages = ['/readyz', '/health/regions/us', '/health/regions/eu'].map((path) => relay.admin(path));
  const statuses = (await Promise.all(pages)).map((page) => page.status);
  return [...statuses, ...(await Promise.all(SERVICES.map((name) => health.check(name))))];
}

test('readiness, gRPC health and each region follow whether an endpoint can serve', async () => {
  const us = await startRegion();
  const eu = await startRegion();
  // Long enough for a look while they are open.
  await using relay = await startPooled({
    upstream: { breaker: { open_for: '2s' }, retry: { min_delay: '1ms', base_delay: '2ms' } },
    accounts: [account('a', { us }), account('b', { eu })],
  });
  using health = new HealthClient(relay.relay.address);
  const watched = health.watch('');
  const send = () => all(10, () => relay.complete(ask(), { deadline: 5_000 }));
  assert.deepEqual(statuses(await send()), { OK: 10 });
  assert.deepEqual(await told(relay, health), [200, 200, 200, 'SERVING', 'SERVING']);
  assert.equal((await relay.admin('/health/regions/moon')).status, 404);

  /** Calls go on, since it is they who find out. */
  const comesTo = (...expected: readonly unknown[]) =>
    until(
      async () => {
        await send();
        return told(relay, health);
      },
      (states) => isDeepStrictEqual(states, expected),
    );
  await us.close();
  await comesTo(200, 503, 200, 'SERVING', 'SERVING');
  await eu.close();
  await comesTo(503, 503, 503, 'NOT_SERVING', 'NOT_SERVING');
  assert.equal((await relay.admin('/livez')).status, 200);
  const refused = await relay.complete(ask());
  assert.deepEqual(statuses([refused]), { 'UNAVAILABLE UPSTREAM_UNAVAILABLE': 1 });

  await using healed = await startRegion({ port: eu.port });
  await until(send, (outcomes) => outcomes.every(({ status }) => status === 'OK'));
  assert.ok(healed.counters().answered >= 10);
  const [ready, , europe, whole] = await told(relay, health);
  assert.deepEqual([ready, europe, whole], [200, 200, 'SERVING']);
  assert.deepEqual(watched.slice(0, 3), ['SERVING', 'NOT_SERVING', 'SERVING']);
});
