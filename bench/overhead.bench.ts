/**
 * What the relay costs beside what it cannot do without: CPU time per unary request and per stream event of (a) a bare
 * gRPC server, (b) a bare forwarder and (c) the relay, in one run, in rounds that alternate, each subject alone on one
 * core while the load and the upstream share the other. An answer from the relay's cache (d) is held against (a).
 */
import type { Benchmark } from './main.ts';
import { canPin, type Child, pin, startChild } from './overhead/children.ts';
import { load, quantile } from './overhead/load.ts';
import { requests } from './overhead/requests.ts';
import { judge } from './report.ts';

interface Case {
  readonly name: string;
  readonly method: 'Complete' | 'CompleteStream';
  readonly promptCharacters: number;
  readonly subjects: readonly string[];
  /** Whether the same request is made again and again, so that the relay answers it from its cache. */
  readonly repeats?: boolean;
  /** What the relay may cost, as a multiple of another subject. */
  readonly limit: { readonly subject: string; readonly ratio: number };
}

interface Figures {
  readonly cpu: number[];
  readonly p50: number[];
  readonly p99: number[];
  readonly rate: number[];
}

const FORWARDER = { subject: 'forwarder', ratio: 1.25 };
const CASES: readonly Case[] = [
  {
    name: 'unary',
    method: 'Complete',
    promptCharacters: 200,
    subjects: ['echo', 'forwarder', 'relay'],
    limit: FORWARDER,
  },
  {
    name: 'stream',
    method: 'CompleteStream',
    promptCharacters: 200,
    subjects: ['forwarder', 'relay'],
    limit: FORWARDER,
  },
  {
    name: 'unary, 300 KB prompt',
    method: 'Complete',
    promptCharacters: 300_000,
    subjects: ['forwarder', 'relay'],
    limit: FORWARDER,
  },
  {
    name: 'cache hit',
    method: 'Complete',
    promptCharacters: 200,
    subjects: ['echo', 'relay'],
    repeats: true,
    limit: { subject: 'echo', ratio: 1.3 },
  },
];
/** V8 goes on compiling for some ten seconds, the longer the more code a subject has. */
const WARM_UP_ROUNDS = 4;
const ROUNDS = 5;
const ROUND_MS = 2_500;
const WIDTH = 32;

async function run(args: readonly string[]): Promise<boolean> {
  const only = args[0];
  if (!canPin) console.log('processes cannot be bound to cores here (no taskset): expect noise');
  pin(process.pid, 1);
  const upstream = await startChild('upstream.ts', [], 1);
  const url = `http://127.0.0.1:${upstream.port}`;
  const children = new Map<string, Child>();
  for (const subject of ['echo', 'forwarder', 'relay']) {
    children.set(subject, await startChild('subject.ts', [subject, url], 0));
  }
  try {
    const met: boolean[] = [];
    for (const each of CASES.filter(({ name }) => only === undefined || name === only)) {
      met.push(...(await measureCase(each, children)));
    }
    return met.every(Boolean);
  } finally {
    for (const child of children.values()) child.stop();
    upstream.stop();
  }
}

async function measureCase(each: Case, children: ReadonlyMap<string, Child>): Promise<boolean[]> {
  const results = new Map<string, Figures>(
    each.subjects.map((name) => [name, { cpu: [], p50: [], p99: [], rate: [] }]),
  );
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    for (const name of round % 2 === 0 ? each.subjects : each.subjects.toReversed()) {
      const child = children.get(name);
      const figures = results.get(name);
      if (child === undefined || figures === undefined) throw new Error(`no subject ${name}`);
      const measured = await measure(child, each);
      if (round >= WARM_UP_ROUNDS)
        for (const [key, value] of Object.entries(measured)) figures[key as keyof Figures].push(value);
    }
  }
  return report(each, results);
}

async function measure(
  child: Child,
  { method, promptCharacters, repeats = false }: Case,
): Promise<Record<keyof Figures, number>> {
  const next = requests(promptCharacters);
  const first = next();
  const before = await child.cpu();
  const result = await load(child.port, method, repeats ? () => first : next, { width: WIDTH, durationMs: ROUND_MS });
  const after = await child.cpu();
  if (result.failures > 0) throw new Error(`${result.failures} of ${result.calls} calls failed`);
  const units = method === 'Complete' ? result.calls : result.messages;
  return {
    cpu: (after - before) / units,
    p50: quantile(result.latencies, 0.5),
    p99: quantile(result.latencies, 0.99),
    rate: result.calls / result.seconds,
  };
}

function report(each: Case, results: ReadonlyMap<string, Figures>): boolean[] {
  const unit = each.method === 'Complete' ? 'request' : 'event';
  console.log(`\n${each.name}: CPU time per ${unit}, and what callers see (${WIDTH} at a time)`);
  for (const [name, { cpu, p50, p99, rate }] of results) {
    console.log(
      `  ${name.padEnd(10)} ${median(cpu).toFixed(1).padStart(7)} µs (${Math.min(...cpu).toFixed(1)}-${Math.max(...cpu).toFixed(1)})` +
        `   p50 ${median(p50).toFixed(1)} ms   p99 ${median(p99).toFixed(1)} ms   ${median(rate).toFixed(0)} calls/s`,
    );
  }
  const { subject, ratio } = each.limit;
  const relay = median(results.get('relay')?.cpu ?? []);
  const other = median(results.get(subject)?.cpu ?? []);
  const met = [judge(`${each.name}: relay / bare ${subject}, CPU per ${unit}`, relay / other, 'at most', ratio)];
  if (each.name === 'unary') {
    const forwarder = other;
    const ceiling = 1e6 / relay;
    const allowed = 1e6 / forwarder;
    console.log(
      `  one core would do ${allowed.toFixed(0)} bare forwarded calls a second, and ${ceiling.toFixed(0)} of the relay`,
    );
    met.push(judge('unary calls a second on one core, by CPU time', ceiling, 'at least', Math.min(4_500, allowed)));
  }
  return met;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

export const benchmark: Benchmark = {
  summary: 'CPU and latency that the relay adds to a bare gRPC server and a bare forwarder',
  run,
};
