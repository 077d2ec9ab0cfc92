/**
 * Token counters of one answer, by the API's names. A missing counter is unknown, never 0 (reference: streams of
 * older shape lack several, and a call that was cut short has only those of `message_start`).
 */
export interface Usage {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cache_creation_input_tokens?: number;
  readonly cache_read_input_tokens?: number;
}

const COUNTERS = [
  'input_tokens',
  'output_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
] as const satisfies readonly (keyof Usage)[];

/** Reads the counters of a `usage` object of the API; whatever is not a number stays unknown. */
export function readUsage(usage: unknown): Usage {
  const read: { -readonly [K in keyof Usage]: number } = {};
  if (typeof usage !== 'object' || usage === null) return read;
  const source: Partial<Record<string, unknown>> = { ...usage };
  for (const counter of COUNTERS) {
    const value = source[counter];
    if (typeof value === 'number') read[counter] = value;
  }
  return read;
}

/** Counters of `message_delta` are cumulative: they override those of `message_start`, and are never added. */
export function mergeUsage(earlier: Usage, later: Usage): Usage {
  return { ...earlier, ...later };
}
