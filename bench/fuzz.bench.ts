/** Random and mutated input by the million. Nothing may crash, be rejected unheard, be let in, or stay in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fuzzInProcess } from './fuzz/in-process.ts';
import { startFuzzedRelay } from './fuzz/server.ts';
import { targets } from './fuzz/targets.ts';
import type { Benchmark } from './main.ts';
import { judge } from './report.ts';

const DEFAULT_INPUTS = 1_000_000;
/** Of all inputs, those that go to a running relay, as frames. */
const SERVER_SHARE = 0.1;
/** Of each share, what comes before memory is measured for the first time. */
const WARM_UP = 0.1;
/** What may be held more after all than after a tenth of it: code that was compiled, caches that fill once. */
const LEAK_MIB = 32;

export const benchmark: Benchmark = {
  summary: 'mutated frames, messages, metadata and settings; [inputs, or seconds such as 30s] [seed]',
  run: async ([amount = String(DEFAULT_INPUTS), seed = String(Date.now())]) => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', hear).on('uncaughtException', hear);
    const folder = mkdtempSync(join(tmpdir(), 'relay-fuzz-'));
    console.log(`seed ${seed}`);
    try {
      const all = targets(folder);
      const inProcess = 1 - SERVER_SHARE;
      fuzzInProcess(all, `${seed} begins`, until(amount, WARM_UP * inProcess));
      const before = heapMiB();
      const tried = fuzzInProcess(all, seed, until(amount, (1 - WARM_UP) * inProcess));
      const leaked = heapMiB() - before;
      for (const [name, count] of tried) console.log(`${String(count).padStart(8)} inputs to ${name}`);

      const messages = all.find(({ name }) => name.includes('Complete'))?.corpus ?? [];
      await using relay = await startFuzzedRelay();
      await relay.fuzz(`${seed} begins`, messages, until(amount, WARM_UP * SERVER_SHARE));
      const atFirst = heapMiB();
      const sent = await relay.fuzz(seed, messages, until(amount, (1 - WARM_UP) * SERVER_SHARE));
      await relay.check();
      const kept = heapMiB() - atFirst;
      console.log(`${String(sent).padStart(8)} frames to a running relay`);
      for (const error of unheard) console.error(error);
      const met = [
        judge('exceptions and rejections that nobody handled', unheard.length, 'at most', 0),
        judge('memory left over in this process', Math.max(0, leaked), 'at most', LEAK_MIB, ' MiB'),
        judge('memory left over by the relay', Math.max(0, kept), 'at most', LEAK_MIB, ' MiB'),
      ];
      return met.every(Boolean);
    } finally {
      rmSync(folder, { recursive: true });
      process.off('unhandledRejection', hear).off('uncaughtException', hear);
    }
  },
};

/** Whether a share of the amount is not yet reached: of so many inputs, or of so many seconds from now. */
function until(amount: string, share: number): (tried: number) => boolean {
  const [, seconds] = /^(\d+)s$/.exec(amount) ?? [];
  if (seconds === undefined) return (tried) => tried < Number(amount) * share;
  const end = performance.now() + Number(seconds) * 1000 * share;
  return () => performance.now() < end;
}

/** What is reachable, in MiB. */
function heapMiB(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
