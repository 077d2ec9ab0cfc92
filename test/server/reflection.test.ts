import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { compileDescriptors } from '../../scripts/descriptors.ts';
import { DESCRIPTORS } from '../../src/server/generated/descriptors.ts';
import { startRelay, whole } from './support.ts';

const BUF = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));
const run = promisify(execFile);

test('the compiled descriptors are those of the proto files', () => {
  const compiled = gunzipSync(Buffer.from(DESCRIPTORS, 'base64'));
  assert.ok(compiled.equals(compileDescriptors()), 'out of date: npm run generate');
});

for (const version of ['grpc-v1', 'grpc-v1alpha']) {
  test(`a strict client finds and calls services by ${version} reflection`, { timeout: 20_000 }, async () => {
    await using relay = await startRelay(async () => whole(''), { server: { reflection: true } });
    const curl = async (path: string, ...args: string[]): Promise<string> => {
      const common = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '--reflect-protocol', version];
      return (await run(BUF, [...common, ...args, `http://127.0.0.1:${relay.port}${path}`])).stdout;
    };
    const services = await curl('', '--list-services');
    assert.deepEqual(services.trim().split('\n').sort(), ['claude.relay.v1.RelayService', 'grpc.health.v1.Health']);
    assert.match(await curl('', '--list-methods'), /claude\.relay\.v1\.RelayService\/CompleteStream/);
    const health = await curl('/grpc.health.v1.Health/Check', '-d', '{"service":"claude.relay.v1.RelayService"}');
    assert.match(health, /SERVING/);
  });
}
