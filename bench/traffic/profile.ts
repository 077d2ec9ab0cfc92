/**
 * The reference workload for a response cache (data: llm-traces/README.md, "assistant/FAQ profile"): Poisson arrivals, a
 * share of requests that never come again, the others by Zipf's law from a fixed number of prompts, some trivially noisy.
 */
import { noisy, repeatedPrompts, uniquePrompt } from './prompts.ts';
import { seededRandom } from './random.ts';

export interface Profile {
  /** Arrivals per second. */
  readonly rate: number;
  /** Prompts that repeat, and the exponent of the law by which they do. */
  readonly prompts: number;
  readonly exponent: number;
  /** Share of the requests that is never repeated. */
  readonly unique: number;
  /** Share of the repeatable requests that carries trivial noise. */
  readonly noise: number;
  /** Seconds that an answer is kept, and that the upstream takes for one. */
  readonly ttl: number;
  readonly latency: number;
}

/** The reference point, at which a closed form gives 42.4% for exact reuse with coalescing and no noise. */
export const REFERENCE: Profile = {
  rate: 10,
  prompts: 10_000,
  exponent: 1,
  unique: 0.3,
  noise: 0,
  ttl: 300,
  latency: 3,
};

export interface Arrival {
  /** Seconds from the start. */
  readonly at: number;
  readonly text: string;
  /** Which question is asked, however it is typed. */
  readonly prompt: number;
}

/** The same profile in faster time: so many of its seconds pass in one. */
export function compressed(profile: Profile, factor: number): Profile {
  const { rate, ttl, latency } = profile;
  return { ...profile, rate: rate * factor, ttl: ttl / factor, latency: latency / factor };
}

/** The arrivals of so many seconds; the same for the same seed. */
export function* arrivals(profile: Profile, seconds: number, seed: number): Generator<Arrival, void> {
  const random = seededRandom(seed);
  const prompts = repeatedPrompts(profile.prompts);
  const draw = zipf(profile.prompts, profile.exponent);
  let once = 0;
  for (let at = 0; ; ) {
    at -= Math.log(1 - random()) / profile.rate;
    if (at >= seconds) return;
    if (random() < profile.unique) {
      once += 1;
      yield { at, text: uniquePrompt(once), prompt: -once };
      continue;
    }
    const prompt = draw(random());
    const text = prompts[prompt] ?? '';
    yield { at, text: random() < profile.noise ? noisy(text, random) : text, prompt };
  }
}

/** Share of the arrivals from `from` on that an ideal cache would answer, given what it takes for the same question. */
export function idealShare(
  all: readonly Arrival[],
  { ttl, latency }: Profile,
  from: number,
  keyOf: (arrival: Arrival) => string | number,
): number {
  const asked = new Map<string | number, number>();
  let counted = 0;
  let reused = 0;
  for (const arrival of all) {
    const key = keyOf(arrival);
    const isThere = arrival.at < (asked.get(key) ?? Number.NEGATIVE_INFINITY) + latency + ttl;
    if (!isThere) asked.set(key, arrival.at);
    if (arrival.at < from) continue;
    counted += 1;
    if (isThere) reused += 1;
  }
  return reused / counted;
}

/** Draws a rank, given a number in [0, 1). */
function zipf(count: number, exponent: number): (random: number) => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) sums[rank] = sum += (rank + 1) ** -exponent;
  return (random) => {
    const target = random * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] ?? 0) <= target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
