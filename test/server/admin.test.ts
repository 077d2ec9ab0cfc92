import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AdminDependencies, createAdmin } from '../../src/server/admin.ts';

async function startAdmin(parts: Partial<AdminDependencies> = {}) {
  const warnings: string[] = [];
  const admin = createAdmin(
    { host: '127.0.0.1', port: 0 },
    {
      metrics: async (accept) => ({ contentType: `text/x; accept=${accept}`, text: 'a 1\n' }),
      isReady: () => true,
      health: () => ({ endpoints: [] }),
      isRegionHealthy: (name) => ({ 'us-east': true, 'eu west': false })[name],
      authorize: () => true,
      warn: (message) => warnings.push(message),
      ...parts,
    },
  );
  const { port } = await admin.start();
  return {
    warnings,
    get: (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${port}${path}`, init),
    [Symbol.asyncDispose]: () => admin.close(),
  };
}

test('metrics are served in the format that the scraper accepts', async () => {
  await using admin = await startAdmin();
  const response = await admin.get('/metrics', { headers: { accept: 'application/openmetrics-text' } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/x; accept=application/openmetrics-text');
  assert.equal(await response.text(), 'a 1\n');
});

test('probes say 200 or 503, each region for itself', async () => {
  let isReady = true;
  await using admin = await startAdmin({ isReady: () => isReady });
  const statusOf = async (path: string): Promise<number> => (await admin.get(path)).status;
  assert.equal(await statusOf('/readyz'), 200);
  isReady = false;
  assert.equal(await statusOf('/readyz'), 503);
  assert.equal(await statusOf('/livez'), 200, 'a relay that cannot serve is alive all the same');
  assert.equal(await statusOf('/healthz'), 503);
  assert.equal(await statusOf('/health/regions/us-east'), 200);
  assert.equal(await statusOf('/health/regions/eu%20west'), 503);
  assert.equal(await statusOf('/health/regions/mars'), 404);
  assert.equal(await statusOf('/health/regions/%E0%A4%A'), 404);
});

test('health detail is JSON', async () => {
  await using admin = await startAdmin();
  const response = await admin.get('/healthz?pretty');
  assert.deepEqual(await response.json(), { endpoints: [] });
});

test('other paths are 404 and other methods 405; HEAD has no body', async () => {
  await using admin = await startAdmin();
  assert.equal((await admin.get('/')).status, 404);
  const post = await admin.get('/metrics', { method: 'POST', body: 'x' });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get('allow'), 'GET, HEAD');
  const head = await admin.get('/metrics', { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '4');
  assert.equal(await head.text(), '');
});

test('a token guards metrics and detail, and probes need none', async () => {
  await using admin = await startAdmin({ authorize: (authorization) => authorization === 'Bearer right' });
  assert.equal((await admin.get('/metrics')).status, 401);
  assert.equal((await admin.get('/healthz', { headers: { authorization: 'Bearer wrong' } })).status, 401);
  assert.equal((await admin.get('/metrics', { headers: { authorization: 'Bearer right' } })).status, 200);
  assert.equal((await admin.get('/readyz')).status, 200);
});

test('what fails inside is a 500 without detail, and reported', async () => {
  await using admin = await startAdmin({
    metrics: async () => {
      throw new Error('inside');
    },
  });
  const response = await admin.get('/metrics');
  assert.equal(response.status, 500);
  assert.ok(!(await response.text()).includes('inside'));
  assert.deepEqual(admin.warnings, ['an admin request failed']);
});

test('an address in use is refused at the start', async () => {
  const first = createAdmin({ host: '127.0.0.1', port: 0 }, {} as AdminDependencies);
  const { port } = await first.start();
  const second = createAdmin({ host: '127.0.0.1', port }, {} as AdminDependencies);
  await assert.rejects(second.start(), { code: 'EADDRINUSE' });
  await first.close();
});
