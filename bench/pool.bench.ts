/** What several accounts behind the relay give that one alone does not: capacity, and callers who notice no failure. */
import type { Benchmark } from './main.ts';
import { judgeBrownOut } from './pool/brown-out.ts';
import { judgeCapacity } from './pool/capacity.ts';
import { judgeReplay } from './pool/replay.ts';

export const benchmark: Benchmark = {
  summary: 'four pooled accounts beside one: limits, peak rate, errors, a slow region [DATA_DIR]',
  run: async ([data = '../shared/data']) => {
    const met = [await judgeReplay(data), await judgeCapacity(), await judgeBrownOut()];
    return met.every(Boolean);
  },
};
