/**
 * Many slow streams at once, as a relay of language models has them: how much later events come than straight from the
 * upstream, and what an open stream holds. The relay has a core to itself; the upstream and the readers share the other.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Benchmark } from './main.ts';
import { canPin, pin, startChild } from './overhead/children.ts';
import { type Open, straight, throughRelay } from './streams/readers.ts';
import { Delays } from './streams/stamp.ts';
import type { Use } from './streams/subject.ts';
import { judge } from './report.ts';

const UPSTREAM = new URL('streams/upstream.ts', import.meta.url);
const SUBJECT = new URL('streams/subject.ts', import.meta.url);
const STREAMS = 2_000;
const INTERVAL_MS = 50;
const SETTLE_MS = 2_000;
const MEASURE_MS = 5_000;

async function run(args: readonly string[]): Promise<boolean> {
  const streams = Number(args[0] ?? STREAMS);
  if (!canPin) console.log('processes cannot be bound to cores here (no taskset): expect noise');
  pin(process.pid, 1);
  const upstream = await startChild(UPSTREAM, [], 1, { BENCH_INTERVAL_MS: String(INTERVAL_MS) });
  const url = `http://127.0.0.1:${upstream.port}`;
  try {
    console.log(`${streams} streams of ${1_000 / INTERVAL_MS} events a second each`);
    const direct = await measure(straight, upstream.port, streams);
    print('straight', direct);
    print('forwarder', (await relayed('forwarder', url, streams)).delays);
    const relay = await relayed('relay', url, streams);
    print('relay', relay.delays);
    return judged(streams, direct, relay);
  } finally {
    upstream.stop();
  }
}

/** Measures a subject, warm, on a core of its own. */
async function relayed(name: 'relay' | 'forwarder', url: string, streams: number): Promise<Figures> {
  const subject = await startChild(SUBJECT, [name, url], 0, {}, ['--expose-gc']);
  try {
    await measure(throughRelay, subject.port, Math.min(200, streams));
    const idle = await subject.ask<Use>('memory');
    let open = idle;
    let busy = 0;
    const delays = await measure(throughRelay, subject.port, streams, async (measuring) => {
      const before = await subject.ask<Use>('cpu');
      await measuring;
      busy = (await subject.ask<Use>('cpu')).cpu - before.cpu;
      open = await subject.ask<Use>('memory');
    });
    console.log(
      `  ${name}: busy ${((busy / 1_000 / MEASURE_MS) * 100).toFixed(0)}% of the time, ${(busy / delays.count).toFixed(1)} µs an event, ` +
        `resident memory grew by ${((open.resident - idle.resident) / streams / 1_000).toFixed(1)} KB a stream`,
    );
    return { delays, held: (open.live - idle.live) / streams };
  } finally {
    subject.stop();
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
  readonly delays: Delays;
  /** Bytes that each open stream holds. */
  readonly held: number;
}

function print(name: string, delays: Delays): void {
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((q) => delays.quantile(q).toFixed(2));
  const rate = (delays.count / (MEASURE_MS / 1_000)).toFixed(0);
  console.log(`  ${name.padEnd(9)} ${rate} events/s   p50 ${p50} ms   p99 ${p99} ms   p99.9 ${p999} ms`);
}

function judged(streams: number, direct: Delays, { delays, held }: Figures): boolean {
  return [
    judge('added latency of an event, p99', delays.quantile(0.99) - direct.quantile(0.99), 'at most', 10, ' ms'),
    judge('events delivered, of those due', delays.count / ((streams * MEASURE_MS) / INTERVAL_MS), 'at least', 0.98),
    judge('memory held by an open stream', held / 1_000, 'at most', 60, ' KB'),
  ].every(Boolean);
}

export const benchmark: Benchmark = {
  summary: 'latency that the relay adds to each event of 2,000 open streams, and what a stream holds',
  run,
};
