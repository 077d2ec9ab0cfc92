import type { Random } from './random.ts';
import { parseDuration, SpecError } from './spec.ts';

/** A wait of `mean` milliseconds, give or take up to `jitter`, each value equally likely. */
export interface Delay {
  readonly mean: number;
  readonly jitter: number;
}

/** How long an answer takes. A whole (not streamed) answer takes as long as the stream of the same tokens would. */
export interface Latency {
  /** From the end of the request to the first byte of the answer. */
  readonly firstByte: Delay;
  /** Between output tokens, or between stream events, as `unit` says. */
  readonly step: Delay;
  readonly unit: 'token' | 'event';
}

/** No wait at all. */
export const NO_LATENCY: Latency = {
  firstByte: { mean: 0, jitter: 0 },
  step: { mean: 0, jitter: 0 },
  unit: 'token',
};

/** One wait in milliseconds, never negative. */
export function sampleDelay(delay: Delay, random: Random): number {
  if (delay.jitter === 0) return delay.mean;
  return Math.max(0, delay.mean + delay.jitter * (2 * random() - 1));
}

function parseDelay(text: string): Delay {
  const [mean = '', jitter = '0', ...rest] = text.split('~');
  if (rest.length > 0) throw new SpecError(`"${text}" has more than one jitter: write 200ms~50ms`);
  return { mean: parseDuration(mean.trim()), jitter: parseDuration(jitter.trim()) };
}

const STEP = /^(.*)\/(token|event)$/;

/**
 * Reads a latency. Throws SpecError.
 *
 * ```
 * latency = delay [ "+" delay "/" ( "token" | "event" ) ]
 * delay   = duration [ "~" duration ]          a mean, and how far it may be missed either way
 * ```
 * `200ms`, `200ms+20ms/token`, `300ms~100ms+50ms~10ms/event`, `0`.
 */
export function parseLatency(text: string): Latency {
  const [first = '', second, ...rest] = text.split('+').map((part) => part.trim());
  if (rest.length > 0) throw new SpecError(`latency "${text}": write FIRST_BYTE or FIRST_BYTE+STEP/token`);
  const firstByte = parseDelay(first);
  if (second === undefined) return { ...NO_LATENCY, firstByte };
  const [, step, unit] = STEP.exec(second) ?? [];
  if (step === undefined) throw new SpecError(`latency "${text}": "${second}" must end in /token or /event`);
  return { firstByte, step: parseDelay(step.trim()), unit: unit === 'event' ? 'event' : 'token' };
}
