/** The relay, or the bare forwarder, in a process of its own: says its port, and what it uses when asked. */
import { startBareForwarder } from '../overhead/bare.ts';
import { startWholeRelay } from '../overhead/whole-relay.ts';

export interface Use {
  /** Microseconds of CPU time since the start. */
  readonly cpu: number;
  /** Bytes of objects and buffers after garbage collection, and resident. */
  readonly live: number;
  readonly resident: number;
}

/** More than any run has streams: each takes a connection. */
const CONNECTIONS = 4_000;

const [name, upstream = ''] = process.argv.slice(2);
const start = name === 'relay' ? startWholeRelay(upstream) : startBareForwarder(upstream, CONNECTIONS);
process.send?.({ port: await start });
process.on('disconnect', () => process.exit());
process.on('message', (question) => {
  const { user, system } = process.cpuUsage();
  if (question === 'memory') globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({ cpu: user + system, live: heapUsed + external, resident: rss } satisfies Use);
});
