/** A region that becomes ten times slower and fails every third call: how long callers feel it. */
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { parseLatency } from '../../src/simulator/latency.ts';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { judge } from '../report.ts';
import { evenly, offer, type Outcome, quantile } from './load.ts';
import { startRelaySubject } from './subjects.ts';

const PER_SECOND = 40;
const NORMAL_MS = 8_000;
const BROWN_MS = 20_000;
/** Callers may feel it for so long. */
const GRACE_MS = 10_000;

export async function judgeBrownOut(): Promise<boolean> {
  const options = { ...defaultSimulatorOptions, latency: parseLatency('100ms~30ms') };
  const [us, eu] = await Promise.all([startSimulator(options), startSimulator(options)]);
  const relay = await startRelaySubject({
    accounts: ['a', 'b'].map((name) => ({
      name,
      api_key: name,
      regions: [
        { name: 'us', base_url: us.url },
        { name: 'eu', base_url: eu.url },
      ],
    })),
  });
  await offer(relay, evenly(PER_SECOND, 1_000));
  const normal = await offer(relay, evenly(PER_SECOND, NORMAL_MS));
  us.setSlowdown(10);
  us.setFaults(parseFaults('500:rate=30%'));
  const brown = await offer(relay, evenly(PER_SECOND, BROWN_MS));
  await relay.close();
  await Promise.all([us.close(), eu.close()]);

  const usual = p99(normal);
  const at = (from: number, to: number): number =>
    p99(brown.filter((outcome) => outcome.at >= from && outcome.at < to));
  console.log(
    `\nbrown-out: p99 ${usual.toFixed(0)} ms before; ${at(0, 2_000).toFixed(0)} ms in the first 2 s, ${at(2_000, GRACE_MS).toFixed(0)} ms until 10 s, ${at(GRACE_MS, BROWN_MS).toFixed(0)} ms then`,
  );
  return [
    judge('calls that failed', [...normal, ...brown].filter(({ ok }) => !ok).length, 'at most', 0),
    judge('p99 10 s into the brown-out / before', at(GRACE_MS, BROWN_MS) / usual, 'at most', 1.5),
  ].every(Boolean);
}

function p99(outcomes: readonly Outcome[]): number {
  return quantile(
    outcomes.map(({ took }) => took),
    0.99,
  );
}
