import { z } from 'zod';
import { choice } from '../fields.ts';

export const logSettings = z.strictObject({
  level: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .prefault('info')
    .describe('Least severe level that is logged. RELAY_LOG_LEVEL overrides it.'),
});

/** What the logger needs. */
export function logConfig(settings: z.output<typeof logSettings>) {
  return { level: settings.level };
}

export type LogConfig = ReturnType<typeof logConfig>;
