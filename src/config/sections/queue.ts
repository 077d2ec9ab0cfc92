import type { z } from 'zod';
import { count, duration, section } from '../fields.ts';

export const queueSettings = section({
  max_length: count({ max: 1_000_000 })
    .prefault(1000)
    .describe('Calls that may wait for capacity at once; 0 refuses at once.'),
  max_wait: duration().prefault('30s').describe('Longest wait of one call, within its deadline.'),
});

/** The queue in front of busy accounts. */
export function queueConfig(settings: z.output<typeof queueSettings>) {
  return { maxLength: settings.max_length, maxWaitMs: settings.max_wait };
}

export type QueueConfig = ReturnType<typeof queueConfig>;
