import { readFileSync } from 'node:fs';

/** The version in package.json, which lies as far from `src/cli` as from the built `dist/cli`. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
