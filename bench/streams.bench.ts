/**
 * Many slow streams at once, as a relay of language models has them: how much later events come than straight from the
 * upstream, and what an open stream holds. The relay has a core to itself; the upstream and the readers share the other.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Benchmark } from './main.ts';
import { canPin, pin } from './overhead/children.ts';
import { startProcess } from './streams/processes.ts';
import { type Open, straight, throughRelay } from './streams/readers.ts';
import { Delays } from './streams/stamp.ts';
import type { Use } from './streams/subject.ts';
import { judge } from './report.ts';

const STREAMS = 2_000;
const INTERVAL_MS = 50;
const SETTLE_MS = 2_000;
const MEASURE_MS = 5_000;

async function run(args: readonly string[]): Promise<boolean> {
  const streams = Number(args[0] ?? STREAMS);
  if (!canPin) console.log('processes cannot be bound to cores here (no taskset): expect noise');
  pin(process.pid, 1);
  const upstream = await startProcess('upstream.ts', [], 1, { BENCH_INTERVAL_MS: String(INTERVAL_MS) });
  const relay = await startProcess('subject.ts', [`http://127.0.0.1:${upstream.port}`], 0);
  try {
    console.log(`${streams} streams of ${1_000 / INTERVAL_MS} events a second each`);
    const direct = [await measure(straight, upstream.port, streams)];
    await measure(throughRelay, relay.port, Math.min(200, streams));
    const idle = await relay.ask<Use>('memory');
    let open = idle;
    let busy = 0;
    const relayed = await measure(throughRelay, relay.port, streams, async (measuring) => {
      const before = await relay.ask<Use>('cpu');
      await measuring;
      busy = (await relay.ask<Use>('cpu')).cpu - before.cpu;
      open = await relay.ask<Use>('memory');
    });
    direct.push(await measure(straight, upstream.port, streams));
    return report({ streams, direct, relayed, busy, idle, open });
  } finally {
    relay.stop();
    upstream.stop();
  }
}

/** Reads so many streams for a while. */
async function measure(
  open: Open,
  port: number,
  streams: number,
  meanwhile: (measuring: Promise<void>) => Promise<void> = (measuring) => measuring,
): Promise<Delays> {
  const delays = new Delays();
  const close = await open(port, streams, delays);
  await wait(SETTLE_MS);
  delays.record();
  const measuring = wait(MEASURE_MS).then(() => delays.stop());
  await meanwhile(measuring);
  close();
  await wait(SETTLE_MS);
  return delays;
}

interface Figures {
  readonly streams: number;
  readonly direct: readonly Delays[];
  readonly relayed: Delays;
  /** Microseconds of the relay's CPU time while it was measured. */
  readonly busy: number;
  readonly idle: Use;
  readonly open: Use;
}

function report({ streams, direct, relayed, busy, idle, open }: Figures): boolean {
  for (const [name, delays] of [...direct.map((each) => ['straight', each] as const), ['relay', relayed] as const]) {
    const [p50, p99, p999] = [0.5, 0.99, 0.999].map((q) => delays.quantile(q).toFixed(2));
    const rate = (delays.count / (MEASURE_MS / 1_000)).toFixed(0);
    console.log(`  ${name.padEnd(9)} ${rate} events/s   p50 ${p50} ms   p99 ${p99} ms   p99.9 ${p999} ms`);
  }
  console.log(
    `  the relay was busy ${((busy / 1_000 / MEASURE_MS) * 100).toFixed(0)}% of the time, ${(busy / relayed.count).toFixed(1)} µs an event`,
  );
  const kilobytes = (bytes: number): number => bytes / streams / 1_000;
  console.log(`  resident memory grew by ${kilobytes(open.resident - idle.resident).toFixed(1)} KB a stream`);
  const straightP99 = Math.min(...direct.map((delays) => delays.quantile(0.99)));
  return [
    judge('added latency of an event, p99', relayed.quantile(0.99) - straightP99, 'at most', 10, ' ms'),
    judge('events delivered, of those due', relayed.count / ((streams * MEASURE_MS) / INTERVAL_MS), 'at least', 0.98),
    judge('memory held by an open stream', kilobytes(open.live - idle.live), 'at most', 60, ' KB'),
  ].every(Boolean);
}

export const benchmark: Benchmark = {
  summary: 'latency that the relay adds to each event of 2,000 open streams, and what a stream holds',
  run,
};
