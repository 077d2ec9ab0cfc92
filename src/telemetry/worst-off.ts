import type { LabelledValue } from './instruments.ts';

/** One value for each series: of those that have to share one, the greatest. */
export function worstOff(values: readonly LabelledValue[]): LabelledValue[] {
  const bySeries = new Map<string, LabelledValue>();
  for (const each of values) {
    const series = Object.values(each.labels).join(' ');
    if (each.value >= (bySeries.get(series)?.value ?? 0)) bySeries.set(series, each);
  }
  return [...bySeries.values()];
}
