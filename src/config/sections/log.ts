import { z } from 'zod';
import { choice, section } from '../fields.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Levels are written in capitals elsewhere, and `warning` is what Python, Envoy and syslog call that one. */
function canonical(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const level = value.toLowerCase();
  return level === 'warning' ? 'warn' : level;
}

/** `canonical` as a pattern, for editors: JSON Schema's have no flags. */
const anyCase = [...LEVELS, 'warning']
  .map((level) => [...level].map((letter) => `[${letter}${letter.toUpperCase()}]`).join(''))
  .join('|');

const level = z
  .preprocess(canonical, choice(LEVELS))
  .meta({ anyOf: [{ enum: LEVELS }, { type: 'string', pattern: `^(?:${anyCase})$` }] });

export const logSettings = section({
  level: level
    .prefault('info')
    .describe('Least severe level that is logged, in any case; warning is warn. RELAY_LOG_LEVEL overrides it.'),
});

/** What the logger needs. */
export function logConfig(settings: z.output<typeof logSettings>) {
  return { level: settings.level };
}

export type LogConfig = ReturnType<typeof logConfig>;
