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
    if (value === undefined) continue;
    const [unit = ''] = (typeof value === 'number' && /(?:Ms|Quantile)$/.exec(key)) || [];
    // Of a setting that is either, the quantile comes after the time, and stands instead of it.
    described[snakeCase(key.slice(0, key.length - unit.length))] = describe(value, unit);
  }
  return described;
}

function describeDuration(milliseconds: number): string {
  return milliseconds === Number.POSITIVE_INFINITY ? 'off' : formatDuration(milliseconds);
}

function describe(value: unknown, unit = ''): unknown {
  if (typeof value === 'number' && unit === 'Ms') return describeDuration(value);
  if (typeof value === 'number' && unit === 'Quantile') return `p${Math.round(value * 100)}`;
  if (value instanceof Secret) return String(value);
  if (Array.isArray(value)) return value.map((item) => describe(item));
  if (isAddress(value)) return formatAddress(value);
  return typeof value === 'object' && value !== null ? describeObject(value) : value;
}

function isAddress(value: unknown): value is Address {
  return typeof value === 'object' && value !== null && 'host' in value && 'port' in value;
}

function snakeCase(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
