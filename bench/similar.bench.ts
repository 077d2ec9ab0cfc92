import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { canonicalise } from '../src/cache/similar/canonical.ts';
import { differenceInMeaning } from '../src/cache/similar/meaning.ts';
import { mayShare } from '../src/cache/similar/share.ts';
import { SIMILAR_INDEX_DEFAULTS, SimilarIndex } from '../src/cache/similar/similar-index.ts';
import { VectorIndex } from '../src/cache/similar/vector-index.ts';
import type { Benchmark } from './main.ts';
import { judge } from './report.ts';

interface Pair {
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
  readonly kind: string;
}

interface Tally {
  pairs: number;
  same: number;
  /** Served, and rightly. */
  hits: number;
  falseHits: number;
  /** False hits whose two texts differ in white space alone: labels are noisy, see the data's README. */
  mislabelled: number;
}

const FIXTURES = fileURLToPath(new URL('../test/fixtures/similar/', import.meta.url));
const DATA = fileURLToPath(new URL('../../shared/data/', import.meta.url));
const MIN_SIMILARITY = 0.9;

function readPairs(file: string): Pair[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line): Pair => JSON.parse(line));
}

function emptyTally(): Tally {
  return { pairs: 0, same: 0, hits: 0, falseHits: 0, mislabelled: 0 };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}

function print(label: string, tally: Tally): void {
  const served = tally.hits + tally.falseHits;
  const figures = [
    `${tally.pairs} pairs`,
    `served ${served}`,
    `precision ${served === 0 ? '-' : percent(tally.hits, served).toFixed(1)} %`,
    `recall ${tally.same === 0 ? '-' : percent(tally.hits, tally.same).toFixed(1)} %`,
    `false hits ${tally.falseHits}`,
  ];
  console.log(`  ${label.padEnd(26)} ${figures.join(', ')}`);
}

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, '');
}

/** Counts what the matcher serves of a file, and prints it by kind. */
function measure(name: string, pairs: readonly Pair[], shares: (a: string, b: string) => boolean): Tally {
  const total = emptyTally();
  const kinds = new Map<string, Tally>();
  for (const { a, b, same, kind } of pairs) {
    const tally = kinds.get(kind) ?? emptyTally();
    kinds.set(kind, tally);
    const share = shares(a, b);
    for (const counted of [tally, total]) {
      counted.pairs += 1;
      if (same) counted.same += 1;
      if (!share) continue;
      if (same) counted.hits += 1;
      else {
        counted.falseHits += 1;
        if (withoutSpace(a) === withoutSpace(b)) counted.mislabelled += 1;
      }
    }
  }
  console.log(name);
  for (const [kind, tally] of kinds) print(kind, tally);
  print('all', total);
  return total;
}

/** Microseconds a call; of several rounds the fastest, since whatever disturbs one only makes it slower. */
function microseconds(calls: number, run: (call: number) => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 7; round += 1) {
    const start = performance.now();
    for (let call = 0; call < calls; call += 1) run(call);
    best = Math.min(best, ((performance.now() - start) * 1000) / calls);
  }
  return best;
}

/** Distinct prompts of one template, the hardest traffic for an index: all are alike, and none may be shared. */
function templated(count: number): string[] {
  return Array.from(
    { length: count },
    (_, at) => `What did customer ${at} order in the month of June, and did it arrive?`,
  );
}

function costOfFind(prompts: readonly string[], asked: readonly string[]): number {
  const index = new SimilarIndex({ ...SIMILAR_INDEX_DEFAULTS, maxEntries: prompts.length });
  for (const [at, prompt] of prompts.entries()) index.add('scope', String(at), prompt);
  return microseconds(asked.length, (call) => void index.find('scope', asked[call] ?? '', MIN_SIMILARITY));
}

function printVectorCost(dimensions: number): void {
  for (const entries of [1_000, 10_000]) {
    const index = new VectorIndex({ maxEntries: entries, dimensions });
    const vector = (at: number): Float32Array =>
      Float32Array.from({ length: dimensions }, (_, axis) => Math.sin(at * 7.3 + axis * 1.7));
    for (let at = 0; at < entries; at += 1) index.add('scope', String(at), vector(at));
    const wanted = vector(0.5);
    const cost = microseconds(20, () => void index.find('scope', wanted, MIN_SIMILARITY));
    console.log(`  ${entries} vectors of ${dimensions}: ${(cost / 1000).toFixed(2)} ms`);
  }
}

export const benchmark: Benchmark = {
  summary: 'which prompts may share an answer: wrong and missed hits, and what a look-up costs [DATA_DIR]',
  run: async (args) => {
    const folder = join(args[0] ?? DATA, 'similar-prompts');
    const present = existsSync(folder);
    if (!present) console.log(`!!! ${folder} is missing: only the project's own pairs are measured, no Quora pairs`);
    const source = present ? folder : FIXTURES;
    const share = (a: string, b: string): boolean => mayShare(a, b, MIN_SIMILARITY).share;

    const adversarial = measure('adversarial', readPairs(join(source, 'adversarial.jsonl')), share);
    const trivial = measure('trivial', readPairs(join(source, 'trivial.jsonl')), share);
    let met = judge(
      'adversarial pairs served wrongly',
      percent(adversarial.falseHits, adversarial.pairs),
      'at most',
      1,
      ' %',
    );
    met = judge('trivial pairs served', percent(trivial.hits, trivial.same), 'at least', 95, ' %') && met;

    const real = present ? readPairs(join(folder, 'qqp-dev.jsonl')) : [];
    if (present) {
      const quora = measure('Quora question pairs', real, share);
      const served = quora.hits + quora.falseHits;
      const different = quora.pairs - quora.same;
      met = judge('precision of what is served', percent(quora.hits, served), 'at least', 93, ' %') && met;
      console.log(
        `       (${quora.mislabelled} of the ${quora.falseHits} false hits differ in white space alone; without them ${percent(quora.hits, served - quora.mislabelled).toFixed(1)} %)`,
      );
      met = judge('false hits among different pairs', percent(quora.falseHits, different), 'at most', 0.5, ' %') && met;
      const paraphrases = readPairs(join(folder, 'gptcache-mock-dev.jsonl'));
      measure('paraphrases', paraphrases, share);
      measure(
        'guards for embeddings, were every cosine 1',
        [...readPairs(join(source, 'adversarial.jsonl')), ...real, ...paraphrases],
        (a, b) => differenceInMeaning(canonicalise(a), canonicalise(b)) === undefined,
      );
    }

    console.log('cost of one look-up that finds nothing');
    const prompts = present ? real.flatMap(({ a, b }) => [a, b]) : templated(14_000);
    const asked = prompts.slice(12_000);
    costOfFind(prompts.slice(0, 1_000), asked);
    let cost = 0;
    for (const entries of [100, 1_000, 10_000]) {
      cost = costOfFind(prompts.slice(0, entries), asked);
      const hard = costOfFind(templated(entries), templated(2_000 + entries).slice(entries));
      const long = 'Describe the history of the town and the people who live there now. '.repeat(14).trim();
      const lengthy = costOfFind(
        prompts.slice(0, entries),
        Array.from({ length: 200 }, (_, at) => `${long} ${at}`),
      );
      console.log(
        `  ${entries} entries: ${cost.toFixed(1)} µs; one template throughout ${hard.toFixed(1)} µs; ${long.length} characters ${lengthy.toFixed(1)} µs`,
      );
    }
    met = judge('look-up among 10,000 entries', cost, 'at most', 50, ' µs') && met;
    console.log('cost of one flat scan over embeddings');
    printVectorCost(384);
    printVectorCost(1_536);
    return met;
  },
};
