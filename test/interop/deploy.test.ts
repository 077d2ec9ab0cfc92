/** The files in deploy/ agree with the relay. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { succeed } from './processes.ts';
import { tableUnder } from './readme.ts';
import { makeFolder, ROOT } from './tools.ts';

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Manifest {
  readonly kind: string;
  readonly data: Readonly<Record<string, string>>;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [
          {
            readonly args: readonly string[];
            readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
            readonly livenessProbe: Probe;
            readonly readinessProbe: Probe;
            readonly startupProbe: Probe;
            readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
          },
        ];
      };
    };
  };
}

const FOLDER = `${ROOT}deploy`;

async function manifest(kind: string): Promise<Manifest> {
  const documents = parseAllDocuments(await readFile(`${FOLDER}/kubernetes.yaml`, 'utf8'));
  const found = documents.map((document) => document.toJS() as Manifest).find((each) => each.kind === kind);
  assert.ok(found, `there is no ${kind}`);
  return found;
}

describe('the Kubernetes manifest', () => {
  test('holds a configuration that is valid once its secrets are there', async () => {
    const { data } = await manifest('ConfigMap');
    const folder = await makeFolder();
    try {
      const text = (data['relay.yaml'] ?? '').replaceAll('/run/secrets', folder);
      for (const [, path = ''] of text.matchAll(/_file: (\S+)/g)) {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, 'a-secret-that-is-long-enough');
      }
      const config = join(folder, 'relay.yaml');
      await writeFile(config, text);
      await succeed(process.execPath, [`${ROOT}src/cli/main.ts`, 'check', '--config', config]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('probes the admin listener, and leaves time to drain', async () => {
    const { spec } = (await manifest('Deployment')).spec.template;
    const [container] = spec.containers;
    const ports = new Map(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    const config = (await manifest('ConfigMap')).data['relay.yaml'] ?? '';
    assert.match(config, new RegExp(`admin: \\{ listen: "0.0.0.0:${ports.get('admin')}" \\}`));
    assert.match(config, new RegExp(`server: \\{ listen: "0.0.0.0:${ports.get('grpc')}"`));
    assert.deepEqual(container.livenessProbe.httpGet, { path: '/livez', port: 'admin' });
    assert.deepEqual(container.startupProbe.httpGet, { path: '/livez', port: 'admin' });
    assert.deepEqual(container.readinessProbe.httpGet, { path: '/readyz', port: 'admin' });
    const drain = Number(/drain_timeout: (\d+)s/.exec(config)?.[1]);
    assert.ok(spec.terminationGracePeriodSeconds > drain + container.lifecycle.preStop.sleep.seconds);
  });
});

test('dashboard and alerts use metrics that there are, and the dashboard shows all', async () => {
  const metrics = tableUnder('Metrics').map(([name = '']) => name);
  const shown = new Set<string>();
  for (const file of await readdir(FOLDER)) {
    for (const [name] of (await readFile(join(FOLDER, file), 'utf8')).matchAll(/\bclaude_[a-z_]+/g)) {
      const metric = name.replace(/_(bucket|sum|count)$/, '');
      assert.ok(metrics.includes(metric), `${file} uses ${name}`);
      if (file === 'grafana.json') shown.add(metric);
    }
  }
  assert.deepEqual([...shown].toSorted(), metrics.toSorted());
});
