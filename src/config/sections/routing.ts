import { z } from 'zod';
import { choice, duration, section } from '../fields.ts';

const QUANTILE = /^p([1-9][0-9]?)$/;
const hedgeDelay = duration({ min: '10ms', why: 'With less, nearly every call would go out twice.' });

/** What is said of a delay that is none. */
function orElse(error: z.ZodError): string {
  return `${error.issues[0]?.message ?? 'is wrong.'} A quantile such as p95, or off, will do too.`;
}

const hedgeText = z.string({
  error: ({ input }) => {
    const { error } = hedgeDelay.safeParse(input);
    return input === undefined || error === undefined ? undefined : orElse(error);
  },
});

/** A time, `off`, or `p95`: a quantile of what was measured lately. */
const hedgeAfter = hedgeText.transform((value, context) => {
  if (value === 'off') return Number.POSITIVE_INFINITY;
  const percent = QUANTILE.exec(value)?.[1];
  if (percent !== undefined) return { quantile: Number(percent) / 100 };
  const { data, error } = hedgeDelay.safeParse(value);
  if (data !== undefined) return data;
  context.addIssue(orElse(error));
  return z.NEVER;
});

const probe = section({
  method: choice(['tcp', 'icmp', 'off'])
    .prefault('tcp')
    .describe('How the distance of a region is measured: tcp (a connect), icmp (a ping) or off.'),
  interval: duration({ min: '100ms', why: 'More measurements tell no more. To have none, write method: off.' })
    .prefault('10s')
    .describe('Time between two measurements.'),
});

export const routingSettings = section({
  strategy: choice(['latency', 'round_robin', 'weighted', 'priority'])
    .prefault('latency')
    .describe('How an endpoint is chosen: latency, round_robin, weighted or priority.'),
  affinity: choice(['prompt_prefix', 'off'])
    .prefault('prompt_prefix')
    .describe(
      'Keeps calls on one organization, where their prompt is cached: those with the same tools and system prompt where these carry cache_control, else those of one conversation (with the same first message); or off.',
    ),
  hedge_after: hedgeAfter
    .prefault('off')
    .describe(
      'When a second endpoint is asked as well: after this time without a first byte, after a quantile of recent times (p95), or off.',
    ),
  probe: probe.prefault({}).describe('Measurement of each region, which never spends a token.'),
});

/** How an endpoint is chosen. `hedgeAfterMs` is `Infinity` for never; a quantile, where there is one, comes instead of it. */
export function routingConfig(settings: z.output<typeof routingSettings>) {
  const after = settings.hedge_after;
  return {
    strategy: settings.strategy,
    affinity: settings.affinity,
    hedgeAfterMs: typeof after === 'number' ? after : Number.POSITIVE_INFINITY,
    hedgeAfterQuantile: typeof after === 'number' ? undefined : after.quantile,
    probe: { method: settings.probe.method, intervalMs: settings.probe.interval },
  };
}

export type RoutingConfig = ReturnType<typeof routingConfig>;
