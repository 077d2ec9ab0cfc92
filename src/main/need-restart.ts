import { isDeepStrictEqual } from 'node:util';
import { Secret } from '../completion/secret.ts';
import type { Config } from '../config/load.ts';

/** Sections that are read once, at the start. */
const FIXED = ['server', 'admin', 'upstream', 'routing', 'queue', 'cache', 'stream', 'redis', 'log'] as const;

/** Settings within them that are taken over all the same, or are only looked at when a configuration is checked. */
const TAKEN_OVER: ReadonlySet<string> = new Set([
  'server.tls',
  'server.allow_anonymous',
  'cache.mode',
  'cache.ttl',
  'cache.min_similarity',
]);

type Same = (one: unknown, other: unknown) => boolean;

/** Names of the settings, in the file's spelling, that differ and need a restart. */
export function needRestart(running: Config, next: Config): readonly string[] {
  const same: Same = (one, other) => isDeepStrictEqual(comparable(one, running), comparable(other, next));
  const names = FIXED.flatMap((section) => [...differences(running[section], next[section], section, same)]);
  return [...new Set(names)];
}

function* differences(one: unknown, other: unknown, name: string, same: Same): Iterable<string> {
  if (TAKEN_OVER.has(name)) return;
  if (isSection(one) && isSection(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      yield* differences(one[key], other[key], `${name}.${settingName(key)}`, same);
    }
  } else if (!same(one, other)) {
    yield name;
  }
}

/** Addresses are one setting, and so are secrets. */
function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(value instanceof Secret) && !('host' in value);
}

/** Secrets compare as equal whatever they hold, and paths of files whatever was read there. */
function comparable(value: unknown, { origin: { files } }: Config): unknown {
  if (value instanceof Secret) return value.reveal();
  return typeof value === 'string' ? { value, fingerprint: files.get(value) } : value;
}

/** `openForMs` is `open_for` in the file; what was read as a quantile stands there under the name of the time. */
function settingName(key: string): string {
  return key.replace(/(Ms|Quantile)$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
