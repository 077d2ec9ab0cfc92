/** One subject of the overhead benchmarks, in a process of its own: says its port, and its CPU time when asked. */
import { startBareEcho, startBareForwarder } from './bare.ts';
import { startWholeRelay } from './whole-relay.ts';

const SUBJECTS = { echo: startBareEcho, forwarder: startBareForwarder, relay: startWholeRelay } as const;

const [name = '', upstream = ''] = process.argv.slice(2);
const start = Object.entries(SUBJECTS).find(([subject]) => subject === name)?.[1];
if (start === undefined) throw new Error(`no subject ${name}`);
process.send?.({ port: await start(upstream) });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  globalThis.gc?.();
  process.send?.({ cpu: user + system, rss: process.memoryUsage.rss() });
});
