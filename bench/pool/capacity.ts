/** One account asked directly beside the relay over four, at the same simulator with the same limits and faults. */
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { judge } from '../report.ts';
import { evenly, offer, type Outcome, question } from './load.ts';
import { directSubject, startRelaySubject, type Subject } from './subjects.ts';

const ACCOUNTS = ['a', 'b', 'c', 'd'];
/** Of each account. */
const PER_SECOND = 20;
const BURST_MS = 10_000;
const OVERLOAD = 1.2;
/** Time in which what the limits have saved up is spent, and what is measured after it. */
const LEAD_MS = 4_000;
const PEAK_MS = 10_000;
const STEADY_MS = 12_000;
const FAULTS = '529:rate=0.5%;500:rate=0.5%;reset:rate=0.5%;error-head:rate=0.5%';

export async function judgeCapacity(): Promise<boolean> {
  const simulator = await startSimulator({
    ...defaultSimulatorOptions,
    latency: parseLatency('80ms~20ms'),
    limits: [{ requestsPerMinute: PER_SECOND * 60, burst: BURST_MS }],
    faults: parseFaults(FAULTS),
  });
  const direct = directSubject(simulator.url, 'alone');
  const relay = await startRelaySubject({
    accounts: ACCOUNTS.map((name) => ({
      name,
      api_key: name,
      regions: [{ name: 'local', base_url: simulator.url }],
      limits: { requests_per_minute: PER_SECOND * 60 },
    })),
  });
  console.log(`\ncapacity: ${PER_SECOND} requests/s for each account, faults ${FAULTS}`);
  const [alone, pooled] = await Promise.all([peak(direct, PER_SECOND), peak(relay, PER_SECOND * ACCOUNTS.length)]);
  console.log(`       peak of successful calls: direct ${alone.toFixed(1)}/s, relay ${pooled.toFixed(1)}/s`);
  const met = [judge('peak successful QPS, relay over 4 / direct to 1', pooled / alone, 'at least', 3.8)];

  for (const load of [0.9 * PER_SECOND, 0.9 * PER_SECOND * ACCOUNTS.length]) {
    const [lost, kept] = await Promise.all([errors(direct, load), errors(relay, load)]);
    console.log(
      `       at ${load}/s: direct fails ${(lost * 100).toFixed(2)}% of its calls, the relay ${(kept * 100).toFixed(2)}%`,
    );
    met.push(judge(`error rate at ${load}/s, relay / direct`, kept / lost, 'at most', 0.25));
  }
  await Promise.all([direct.close(), relay.close()]);
  await simulator.close();
  return met.every(Boolean);
}

/** Successful calls a second while more are offered than anybody could have, once what was saved up is used up. */
async function peak(subject: Subject, perSecond: number): Promise<number> {
  const finished: number[] = [];
  const counting: Subject = {
    ...subject,
    ask: async (each) => {
      const answered = await subject.ask(each);
      if (answered.ok) finished.push(performance.now());
      return answered;
    },
  };
  await offer(
    counting,
    Array.from({ length: (perSecond * BURST_MS) / 1_000 }, () => question(0)),
  );
  const startedAt = performance.now();
  await offer(counting, [...evenly(2 * perSecond, LEAD_MS), ...evenly(OVERLOAD * perSecond, PEAK_MS, LEAD_MS)]);
  const from = startedAt + LEAD_MS;
  return finished.filter((at) => at >= from && at < from + PEAK_MS).length / (PEAK_MS / 1_000);
}

async function errors(subject: Subject, perSecond: number): Promise<number> {
  const outcomes: readonly Outcome[] = await offer(subject, evenly(perSecond, STEADY_MS));
  return outcomes.filter(({ ok }) => !ok).length / outcomes.length;
}
