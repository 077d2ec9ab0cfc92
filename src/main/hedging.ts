import type { Layer } from '../completion/service.ts';
import type { RoutingConfig } from '../config/sections/routing.ts';
import { hedge, type HedgeOptions } from '../layers/hedge.ts';

/** The layer of second attempts, where the settings ask for it. */
export function hedging(
  { hedgeAfterMs, hedgeAfterQuantile }: RoutingConfig,
  rest: Omit<HedgeOptions, 'after'>,
): readonly Layer[] {
  if (hedgeAfterQuantile !== undefined) return [hedge({ after: { quantile: hedgeAfterQuantile }, ...rest })];
  return hedgeAfterMs === Number.POSITIVE_INFINITY ? [] : [hedge({ after: { milliseconds: hedgeAfterMs }, ...rest })];
}
