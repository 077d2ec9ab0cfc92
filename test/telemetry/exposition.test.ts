import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Admin, createAdmin } from '../../src/server/admin.ts';
import { exposition } from '../../src/telemetry/exposition.ts';

const TEXT = '# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 1\n';
const OPENMETRICS = '# HELP calls Calls.\n# TYPE calls counter\ncalls_total 1\n# EOF\n';

let admin: Admin;
let url = '';
before(async () => {
  admin = createAdmin(
    { host: '127.0.0.1', port: 0 },
    {
      metrics: async (accept) => exposition(TEXT, accept),
      isReady: () => true,
      health: () => ({}),
      isRegionHealthy: () => true,
      authorize: () => true,
      warn: (message) => assert.fail(message),
    },
  );
  url = `http://127.0.0.1:${(await admin.start()).port}/metrics`;
});
after(() => admin.close());

const CASES: readonly (readonly [accept: string, format: 'openmetrics' | 'text'])[] = [
  ['application/openmetrics-text', 'openmetrics'],
  ['application/openmetrics-text;q=0.1', 'openmetrics'],
  ['application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.9', 'text'],
  ['application/openmetrics-text;q=0.9,text/plain;version=0.0.4;q=0.5', 'openmetrics'],
  // What Prometheus 2 and 3 send.
  [
    'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'openmetrics',
  ],
  ['text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,*/*;q=0.3', 'text'],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,*/*;q=0.2',
    'openmetrics',
  ],
  // Equal, however it is written.
  ['text/plain, application/openmetrics-text', 'openmetrics'],
  ['text/plain;q=0.5,Application/OpenMetrics-Text ; VERSION="1.0.0" ; Q=0.500', 'openmetrics'],
  ['application/openmetrics-text, */*', 'openmetrics'],
  // The most precise range decides.
  ['application/*;q=0.9, text/*;q=0.8', 'openmetrics'],
  ['application/*;q=0.8, text/*;q=0.9', 'text'],
  ['*/*;q=0.9, application/openmetrics-text;q=0.2', 'text'],
  ['*/*;q=0.9, text/plain;q=0.2', 'openmetrics'],
  ['application/openmetrics-text;q=0.9, application/openmetrics-text;version=1.0.0;q=0.1, text/plain;q=0.5', 'text'],
  // Refused, of another version, or no range at all.
  ['application/openmetrics-text;q=0', 'text'],
  ['application/openmetrics-text;q=0, */*', 'text'],
  ['application/openmetrics-text;version=2.0.0, text/plain;q=0.5', 'text'],
  ['application/openmetrics-text-next', 'text'],
  ['application/openmetrics-text;q=much, text/plain;q=0.1', 'text'],
  ['application/openmetrics-text;q=2', 'text'],
  // Nothing said, or nothing that fits.
  ['*/*', 'text'],
  ['', 'text'],
  ['image/png', 'text'],
  [',;=,', 'text'],
];
for (const [accept, format] of CASES) {
  test(`a scraper that accepts '${accept}' gets ${format}`, async () => {
    const response = await fetch(url, { headers: { accept } });
    const isOpen = format === 'openmetrics';
    assert.equal(
      response.headers.get('content-type'),
      isOpen
        ? 'application/openmetrics-text; version=1.0.0; charset=utf-8'
        : 'text/plain; version=0.0.4; charset=utf-8',
    );
    assert.equal(await response.text(), isOpen ? OPENMETRICS : TEXT);
  });
}
