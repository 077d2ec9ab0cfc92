import { Secret } from '../completion/secret.ts';
import { type Address, formatAddress } from './address.ts';
import { formatDuration } from './duration.ts';
import type { Config } from './load.ts';

/**
 * The effective values by the file's own names and in its spelling, for the log at start: every default is there, and
 * every secret is masked. What is absent is left out.
 */
export function describeConfig(config: Config): Readonly<Record<string, unknown>> {
  return describeObject({ ...config, origin: undefined });
}

function describeObject(values: object): Record<string, unknown> {
  const described: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const isDuration = key.endsWith('Ms') && typeof value === 'number';
    const name = isDuration ? key.slice(0, -'Ms'.length) : key;
    if (value !== undefined) described[snakeCase(name)] = isDuration ? describeDuration(value) : describe(value);
  }
  return described;
}

function describeDuration(milliseconds: number): string {
  return milliseconds === Number.POSITIVE_INFINITY ? 'off' : formatDuration(milliseconds);
}

function describe(value: unknown): unknown {
  if (value instanceof Secret) return String(value);
  if (Array.isArray(value)) return value.map(describe);
  if (isAddress(value)) return formatAddress(value);
  return typeof value === 'object' && value !== null ? describeObject(value) : value;
}

function isAddress(value: unknown): value is Address {
  return typeof value === 'object' && value !== null && 'host' in value && 'port' in value;
}

function snakeCase(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
