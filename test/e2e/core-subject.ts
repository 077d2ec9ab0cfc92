/** A relay in a process of its own, which tells of what it holds. Arguments: the configuration file. */
import { setImmediate as round } from 'node:timers/promises';
import { promiseHooks, queryObjects } from 'node:v8';
import { loadConfig } from '../../src/config/load.ts';
import { startRelay } from '../../src/main.ts';
import { makeObjectsYoung } from '../../src/main/young-objects.ts';
import { createLog } from '../../src/telemetry/log.ts';
import type { Holdings, Question } from './core-process.ts';

const warnings: string[] = [];
process.on('warning', ({ name, message }) => {
  // Of counting objects, which only this process does.
  if (name !== 'ExperimentalWarning') warnings.push(message);
});

let promises = 0;
let objects = 0;

function holdings(): Holdings {
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    heapUsed,
    live: heapUsed + external,
    rss,
    resources,
    listeners: listenersOf(process),
    warnings,
    promises,
    objects,
  };
}

function listenersOf(emitter: NodeJS.EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

async function collect(): Promise<void> {
  // Finalizers and promise reactions of one collection make garbage for the next.
  for (let times = 0; times < 4; times++) {
    await round();
    globalThis.gc?.();
  }
  objects = queryObjects(Object, { format: 'count' });
}

const ready: Readonly<Record<Question, () => void | Promise<void>>> = {
  holdings: () => undefined,
  collected: collect,
  counting: () => void promiseHooks.onInit(() => void promises++),
};

// As `serve` does.
makeObjectsYoung();
const config = loadConfig({ path: process.argv[2], env: {} });
const relay = await startRelay(config, createLog({ level: 'silent' }), '0.0.0-test');
process.on('message', (question: Question) => {
  void Promise.resolve(ready[question]()).then(() => process.send?.(holdings()));
});
process.on('disconnect', () => process.exit());
process.send?.({ address: relay.address, adminAddress: relay.adminAddress });
