import { z } from 'zod';
import { choice, duration, durationOrOff } from '../fields.ts';

const probe = z.strictObject({
  method: choice(['tcp', 'icmp', 'off'])
    .prefault('tcp')
    .describe('How the distance of a region is measured: tcp (a connect), icmp (a ping) or off.'),
  interval: duration({ min: '100ms' }).prefault('10s').describe('Time between two measurements.'),
});

export const routingSettings = z.strictObject({
  strategy: choice(['latency', 'round_robin', 'weighted', 'priority'])
    .prefault('latency')
    .describe('How an endpoint is chosen: latency, round_robin, weighted or priority.'),
  affinity: choice(['prompt_prefix', 'off'])
    .prefault('prompt_prefix')
    .describe(
      'Keeps calls with the same cacheable prompt prefix on one organization, where its prompt cache is; or off.',
    ),
  hedge_after: durationOrOff({ min: '10ms' })
    .prefault('off')
    .describe('Time without a first byte after which a second endpoint is asked as well; or off.'),
  probe: probe.prefault({}).describe('Measurement of each region, which never spends a token.'),
});

/** How an endpoint is chosen. `hedgeAfterMs` is `Infinity` for never. */
export function routingConfig(settings: z.output<typeof routingSettings>) {
  return {
    strategy: settings.strategy,
    affinity: settings.affinity,
    hedgeAfterMs: settings.hedge_after,
    probe: { method: settings.probe.method, intervalMs: settings.probe.interval },
  };
}

export type RoutingConfig = ReturnType<typeof routingConfig>;
