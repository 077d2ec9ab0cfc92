/** One subject of the overhead benchmarks, in a process of its own: says its port, and its CPU time when asked. */
import { startBareEcho, startBareForwarder } from './bare.ts';
import { startWholeRelay } from './whole-relay.ts';

const SUBJECTS = { echo: startBareEcho, forwarder: startBareForwarder, relay: startWholeRelay } as const;

const [name = '', upstream = ''] = process.argv.slice(2);
const start = Object.entries(SUBJECTS).find(([subject]) => subject === name)?.[1];
if (start === undefined) throw new Error(`no subject ${name}`);
process.send?.({ port: await start(upstream) });
process.on('disconnect', () => process.exit());
process.on('message', () => {
  // Not to collect garbage here: V8 drops compiled code then, and whoever has most of it pays for all rounds.
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu: user + system });
});
