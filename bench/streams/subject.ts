/** The relay in a process of its own: says its port, and what it uses when asked. */
import { startWholeRelay } from '../overhead/whole-relay.ts';

export interface Use {
  /** Microseconds of CPU time since the start. */
  readonly cpu: number;
  /** Bytes of objects and buffers after garbage collection, and resident. */
  readonly live: number;
  readonly resident: number;
}

const [upstream = ''] = process.argv.slice(2);
process.send?.({ port: await startWholeRelay(upstream) });
process.on('disconnect', () => process.exit());
process.on('message', (question) => {
  const { user, system } = process.cpuUsage();
  if (question === 'memory') globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({ cpu: user + system, live: heapUsed + external, resident: rss } satisfies Use);
});
