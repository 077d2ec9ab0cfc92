import type { z } from 'zod';
import { duration, section, size } from '../fields.ts';

export const streamSettings = section({
  flush_bytes: size({ min: 1, max: 2 ** 20 })
    .prefault(1024)
    .describe('Pending bytes that are sent at once.'),
  flush_interval: duration({ max: '5s' }).prefault('0ms').describe('Time that fewer bytes may wait for more.'),
});

/** How stream events are flushed to callers. */
export function streamConfig(settings: z.output<typeof streamSettings>) {
  return { flushBytes: settings.flush_bytes, flushIntervalMs: settings.flush_interval };
}

export type StreamConfig = ReturnType<typeof streamConfig>;
