import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Config, loadConfig } from '../../src/config/load.ts';
import { ConfigError, type Problem } from '../../src/config/problem.ts';
import type { Environment } from '../../src/config/references.ts';

/** A folder that goes away with the test. */
export interface Workspace {
  readonly folder: string;
  /** Writes a file of the folder and gives its path. */
  readonly write: (name: string, text: string) => string;
  /** Loads `relay.yaml` with this text. */
  readonly load: (yaml: string, env?: Environment) => Config;
  /** The problems of `relay.yaml` with this text; none where it loads. */
  readonly problems: (yaml: string, env?: Environment) => readonly Problem[];
}

export function workspace(context: TestContext): Workspace {
  // Some systems' temporary folder is itself a link.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'relay-config-')));
  context.after(() => rmSync(folder, { recursive: true }));

  function write(name: string, text: string): string {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  function load(yaml: string, env: Environment = {}): Config {
    return loadConfig({ path: write('relay.yaml', yaml), env });
  }

  function problems(yaml: string, env: Environment = {}): readonly Problem[] {
    try {
      load(yaml, env);
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
  }

  return { folder, write, load, problems };
}
