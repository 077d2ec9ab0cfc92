/** (c) The relay itself, as `claude-relay serve` starts it, over one account. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { startRelay } from '../../src/main.ts';
import { makeObjectsYoung } from '../../src/main/young-objects.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** Settings on top of the defaults: one account, no limits of its own, whatever `BENCH_SETTINGS` adds. */
function settings(upstream: string): string {
  return `
server: { listen: "127.0.0.1:0", max_concurrent_streams: 10000 }
admin: { listen: "127.0.0.1:0" }
upstream: { pool: { max_connections: 4000 } }
accounts:
  - { name: bench, api_key: bench, regions: [{ name: local, base_url: "${upstream}" }] }
${process.env['BENCH_SETTINGS'] ?? ''}
`;
}

export async function startWholeRelay(upstream: string): Promise<number> {
  makeObjectsYoung();
  const path = join(mkdtempSync(join(tmpdir(), 'relay-bench-')), 'relay.yaml');
  writeFileSync(path, settings(upstream));
  const config = loadConfig({ path, env: {} });
  const relay = await startRelay(config, createLog({ level: config.log.level }), '0.0.0-bench');
  return Number(relay.address.slice(relay.address.lastIndexOf(':') + 1));
}
