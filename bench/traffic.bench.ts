/**
 * How many calls the response cache answers without an upstream call, at the reference workload: the whole relay over
 * gRPC, in compressed time (rate, time to live and upstream latency scaled alike). Refresh-ahead is off: it buys latency
 * with upstream calls.
 */
import type { Benchmark } from './main.ts';
import { startChild } from './overhead/children.ts';
import { judge } from './report.ts';
import { caller } from './traffic/caller.ts';
import { type Arrival, arrivals, compressed, idealShare, type Profile, REFERENCE } from './traffic/profile.ts';
import { startUpstream } from './traffic/upstream.ts';

/** So many seconds of the profile pass in one. */
const COMPRESSION = 50;
/** Times to live until what is in the cache no longer depends on the start, and that are measured after it. */
const WARM_UP = 1.2;
const MEASURED = 6;
const SEED = 20_261_120;

interface Case {
  readonly name: string;
  readonly profile: Profile;
  readonly mode: 'exact' | 'similar';
  /** Least share of the calls, in percent. */
  readonly target: number;
}

const CASES: readonly Case[] = [
  { name: 'exact', profile: REFERENCE, mode: 'exact', target: 42 },
  { name: 'similar, noisy', profile: { ...REFERENCE, noise: 0.25 }, mode: 'similar', target: 40 },
];

interface Outcome {
  readonly arrival: Arrival;
  readonly status: string;
  readonly text: string;
}

async function run(args: readonly string[]): Promise<boolean> {
  const only = args[0];
  const met: boolean[] = [];
  for (const each of CASES.filter(({ name }) => only === undefined || name === only)) met.push(await measure(each));
  return met.every(Boolean);
}

async function measure({ name, profile, mode, target }: Case): Promise<boolean> {
  const fast = compressed(profile, COMPRESSION);
  const warmUp = WARM_UP * fast.ttl;
  const all = [...arrivals(fast, warmUp + MEASURED * fast.ttl, SEED)];
  print(name, profile, all.length);
  const outcomes = (await play(all, fast, mode)).filter(({ arrival }) => arrival.at >= warmUp);

  const counts = new Map<string, number>();
  for (const { status } of outcomes) counts.set(status, (counts.get(status) ?? 0) + 1);
  const reused = outcomes.filter(({ status }) => status === 'HIT' || status === 'SIMILAR' || status === 'COALESCED');
  const failures = counts.get('') ?? 0;
  const foreign = foreignAnswers(all, reused);
  console.log(
    `  measured after ${warmUp.toFixed(1)} s: ${outcomes.length} calls, of which ${[...counts].map(([status, count]) => `${count} ${status || 'failed'}`).join(', ')}`,
  );
  const ideal = (keyOf: (arrival: Arrival) => string | number) =>
    `${(100 * idealShare(all, fast, warmUp, keyOf)).toFixed(1)}%`;
  console.log(
    `  ideal caches on these arrivals: exact ${ideal(({ text }) => text)}, by meaning ${ideal(({ prompt }) => prompt)}`,
  );
  const share = (100 * reused.length) / outcomes.length;
  return [
    judge(`${name}: calls without an upstream call`, share, 'at least', target, '%'),
    judge(`${name}: answers to another question`, foreign, 'at most', 0),
    judge(`${name}: calls that failed`, failures, 'at most', 0),
  ].every(Boolean);
}

function print(name: string, profile: Profile, count: number): void {
  const { rate, prompts, exponent, unique, noise, ttl, latency } = profile;
  console.log(
    `\n${name}: Poisson arrivals at ${rate}/s, ${100 * unique}% never repeated, the others from ${prompts} prompts by Zipf's law ` +
      `with exponent ${exponent}, ${100 * noise}% of these noisy; answers kept for ${ttl} s, upstream ${latency} s;\n` +
      `  time ${COMPRESSION} times as fast: ${rate * COMPRESSION}/s, ${ttl / COMPRESSION} s, ${(1000 * latency) / COMPRESSION} ms; ${count} calls, seed ${SEED}`,
  );
}

/** Makes the calls when they are due, whether or not earlier ones have been answered. */
async function play(all: readonly Arrival[], { ttl, latency }: Profile, mode: Case['mode']): Promise<Outcome[]> {
  const upstream = await startUpstream(1000 * latency);
  const settings = `cache: { mode: ${mode}, ttl: ${ttl}s, refresh_ahead: 1 }`;
  const relay = await startChild('subject.ts', ['relay', upstream.url], 0, { BENCH_SETTINGS: settings });
  const { ask, close } = caller(relay.port);
  try {
    await Promise.all(Array.from({ length: 50 }, (_, index) => ask(`Warming up, part ${index}.`)));
    const outcomes: Promise<Outcome>[] = [];
    const startedAt = performance.now();
    let latest = 0;
    while (outcomes.length < all.length) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const now = (performance.now() - startedAt) / 1000;
      for (
        let arrival = all[outcomes.length];
        arrival !== undefined && arrival.at <= now;
        arrival = all[outcomes.length]
      ) {
        latest = Math.max(latest, now - arrival.at);
        const made = arrival;
        outcomes.push(ask(made.text).then((answered) => ({ arrival: made, ...answered })));
      }
    }
    const answered = await Promise.all(outcomes);
    console.log(
      `  the load was at most ${(1000 * latest).toFixed(0)} ms late; the upstream got ${upstream.asked() - 50} requests`,
    );
    return answered;
  } finally {
    close();
    relay.stop();
    upstream.close();
  }
}

/** How many calls got the answer to another question than their own, which the upstream's answers repeat. */
function foreignAnswers(all: readonly Arrival[], reused: readonly Outcome[]): number {
  const promptOf = new Map(all.map(({ text, prompt }) => [text, prompt]));
  return reused.filter(({ arrival, text }) => promptOf.get(text) !== arrival.prompt).length;
}

export const benchmark: Benchmark = {
  summary: 'share of calls that the response cache answers at the reference workload',
  run,
};
