/** Where a setting stands: keys of mappings and indices of lists, from the root of the file. */
export type Path = readonly (string | number)[];

/** One thing that is wrong with the configuration. */
export interface Problem {
  /** The setting, e.g. `accounts[0].regions[1].base_url`; empty where the file as a whole is meant. */
  readonly path: string;
  /** The file, or `environment variable NAME` where the value came from there. */
  readonly source: string;
  /** Counted from 1; absent where the problem has no place in a file. */
  readonly line: number | undefined;
  /** Counted from 1, in UTF-16 code units. */
  readonly column: number | undefined;
  /** What is wrong and what to do. Never a value of the file, which may be a secret in the wrong place. */
  readonly message: string;
}

/** Everything that is wrong with a configuration, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super([`The configuration has ${count}:`, ...problems.map((problem) => `  ${formatProblem(problem)}`)].join('\n'));
    this.problems = problems;
  }
}

/** `relay.yaml:12:9 accounts[0].name: is missing. …`: the form that editors and terminals turn into a link. */
export function formatProblem({ path, source, line, column, message }: Problem): string {
  const place = line === undefined ? source : `${source}:${line}:${column ?? 1}`;
  return path === '' ? `${place}: ${message}` : `${place} ${path}: ${message}`;
}

/** What a person types as a key. A key that looks otherwise may be a secret in the wrong place, and is not repeated. */
const PLAIN_KEY = /^[A-Za-z_-]{1,32}\d{0,3}$/;

/** `['accounts', 0, 'name']` as `accounts[0].name`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    const key = typeof step === 'number' || PLAIN_KEY.test(step) ? step : '(…)';
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? key : `.${key}`;
  }
  return text;
}
