import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { seededRandom } from '../../src/simulator/random.ts';

/** One request of a trace. */
export interface Arrival {
  /** Milliseconds since the first. */
  readonly at: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

const FILE = 'llm-traces/azure-llm-2023-conv.csv.gz';

/**
 * The first so many minutes of the Azure LLM inference trace of 2023, conversations (Patel et al., "Splitwise", ISCA
 * 2024); where it is missing, a stand-in with its arrival rate and its spread of lengths, which says so.
 */
export function loadTrace(folder: string, minutes: number): readonly Arrival[] {
  const file = join(folder, FILE);
  if (!existsSync(file)) {
    console.log(`NO TRACE at ${file}: a GENERATED stand-in is replayed`);
    return generate(minutes);
  }
  const lines = gunzipSync(readFileSync(file)).toString().trim().split('\n').slice(1);
  const arrivals = lines.map((line) => {
    const [time = '', input = '', output = ''] = line.split(',');
    return { at: Date.parse(`${time.replace(' ', 'T')}Z`), inputTokens: Number(input), outputTokens: Number(output) };
  });
  const start = arrivals[0]?.at ?? 0;
  return arrivals.map((arrival) => ({ ...arrival, at: arrival.at - start })).filter(({ at }) => at < minutes * 60_000);
}

/** Poisson arrivals and log-normal lengths. */
function generate(minutes: number): readonly Arrival[] {
  const random = seededRandom('trace');
  const normal = (): number => Array.from({ length: 12 }, random).reduce((sum, value) => sum + value, -6);
  const arrivals: Arrival[] = [];
  for (let at = 0; at < minutes * 60_000; at += (-Math.log(1 - random()) * 1_000) / 5.53) {
    arrivals.push({
      at,
      inputTokens: Math.min(4_200, Math.ceil(900 * Math.exp(0.8 * normal()))),
      outputTokens: Math.min(700, Math.ceil(129 * Math.exp(0.7 * normal()))),
    });
  }
  return arrivals;
}
