import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as round } from 'node:timers/promises';
import { loadPackageDefinition, Metadata, type ServiceClientConstructor, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import type { StreamEvent } from '../../src/completion/reply.ts';
import { credentials } from '@grpc/grpc-js';
import {
  aborted,
  type Answer,
  errorInfo,
  event,
  PATHS,
  readAll,
  startRelay,
  stream,
  streamOf,
  unary,
  whole,
} from './support.ts';

const RELAY_SERVICE = 'claude.relay.v1.RelayService';

const { grpc } = loadPackageDefinition(loadSync(protoPath, { keepCase: true, enums: String })) as unknown as {
  grpc: { health: { v1: { Health: ServiceClientConstructor } } };
};

function healthClient(port: number): InstanceType<ServiceClientConstructor> {
  return new grpc.health.v1.Health(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
}

test('health answers for the server and for its service, by Check and by List', async () => {
  await using relay = await startRelay(async () => whole(''));
  const health = healthClient(relay.port);
  const ask = (method: 'Check' | 'List', request: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      health[method]?.(request, (error: Error | null, answer: unknown) => (error ? reject(error) : resolve(answer)));
    });
  assert.deepEqual(await ask('Check', { service: '' }), { status: 'SERVING' });
  assert.deepEqual(await ask('Check', { service: RELAY_SERVICE }), { status: 'SERVING' });
  await assert.rejects(ask('Check', { service: 'unknown' }), { code: status.NOT_FOUND });
  const listed = (await ask('List', {})) as { statuses: Record<string, unknown> };
  assert.deepEqual(Object.keys(listed.statuses).sort(), ['', RELAY_SERVICE]);
  relay.server.setServing(false);
  assert.deepEqual(await ask('Check', { service: RELAY_SERVICE }), { status: 'NOT_SERVING' });
  health.close();
});

test('a health watch sees NOT_SERVING when the server drains, and does not hold the drain up', async () => {
  await using relay = await startRelay(async () => whole(''));
  const health = healthClient(relay.port);
  const watch = health['Watch']?.({ service: RELAY_SERVICE });
  const statuses: string[] = [];
  watch.on('data', (message: { status: string }) => statuses.push(message.status));
  const [failure] = await Promise.all([
    once(watch, 'error').catch((error: unknown) => [error]),
    once(watch, 'data').then(() => relay.server.drain()),
  ]);
  assert.deepEqual(statuses, ['SERVING', 'NOT_SERVING']);
  assert.ok(failure !== undefined);
  health.close();
});

test('draining under load loses no call that was let in', { timeout: 20_000 }, async () => {
  let begun = 0;
  let ended = 0;
  await using relay = await startRelay(async (call) => {
    begun++;
    for (let i = 0; i < 5; i++) await round();
    ended++;
    return call.wantsStream
      ? streamOf(
          (async function* () {
            yield event('message_start');
            await round();
            yield event('message_stop');
          })(),
        )
      : whole(call.body);
  });
  const clients = Array.from({ length: 8 }, () => relay.connect());
  let answered = 0;
  const warm = Promise.withResolvers<void>();
  let draining = false;
  const failures: Answer['error'][] = [];
  const loops = Array.from({ length: 64 }, async (_, i) => {
    const client = clients[i % clients.length] ?? relay.client;
    for (;;) {
      const error =
        i % 2 === 0
          ? (await unary(client, PATHS.Complete, 'x', new Metadata())).error
          : (await readAll(stream(client, 'x', new Metadata()))).error;
      if (error) failures.push(error);
      else if (++answered === 200) warm.resolve();
      if (draining) return;
    }
  });
  await warm.promise;
  const drained = relay.server.drain();
  draining = true;
  const report = await drained;
  await Promise.all(loops);
  assert.equal(report.cut, 0);
  assert.equal(begun, ended);
  assert.equal(answered, begun, 'each call that a service saw was answered, and none twice');
  for (const error of failures) assert.equal(error?.code, status.UNAVAILABLE);
});

test('calls that outlast the drain timeout are ended with DRAINING, streams too', { timeout: 10_000 }, async () => {
  await using relay = await startRelay(
    async (call) =>
      call.wantsStream
        ? streamOf(
            (async function* (): AsyncGenerator<StreamEvent> {
              yield event('message_start');
              await aborted(call);
            })(),
          )
        : aborted(call),
    { server: { drainTimeoutMs: 10 } },
  );
  const answer = unary(relay.client, PATHS.Complete, 'x', new Metadata());
  const call = stream(relay.client, 'x', new Metadata());
  const [first] = await once(call, 'data');
  assert.ok(first);
  const rest = readAll(call);
  while (relay.server.inFlight() < 2) await round();
  assert.deepEqual(await relay.server.drain(), { inFlight: 2, cut: 2 });
  for (const { error } of [await answer, await rest]) {
    assert.equal(error?.code, status.UNAVAILABLE);
    assert.equal(errorInfo(error).reason, 'DRAINING');
    assert.deepEqual(error.metadata.get('grpc-retry-pushback-ms'), []);
  }
});

test('a call that comes while the server begins to drain is refused with DRAINING', async () => {
  const busy = Promise.withResolvers<void>();
  await using relay = await startRelay(async () => {
    await busy.promise;
    return whole('');
  });
  const first = unary(relay.client, PATHS.Complete, 'x', new Metadata());
  await once(relay.seen, 'call');
  const late = unary(relay.client, PATHS.Complete, 'x', new Metadata());
  const drained = relay.server.drain();
  busy.resolve();
  assert.equal((await first).error, null);
  assert.equal((await late).error?.code, status.UNAVAILABLE);
  await drained;
});
