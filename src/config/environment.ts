import type { Draft } from './draft.ts';
import type { Environment } from './references.ts';
import { DEFAULT_BASE_URL } from './sections/accounts.ts';

/** Variables that win over the file, and the setting that each of them is. */
const OVERRIDES = [
  ['RELAY_LISTEN', ['server', 'listen']],
  ['RELAY_ADMIN_LISTEN', ['admin', 'listen']],
  ['RELAY_REDIS_URL', ['redis', 'url']],
  ['RELAY_LOG_LEVEL', ['log', 'level']],
  ['CLAUDE_SECRET', ['upstream', 'signing', 'secret']],
] as const;

/** Which variables had a say. */
export interface VariableUse {
  /** Names of those that set something. */
  readonly applied: readonly string[];
  /** Names of those that are set and meant nothing here, because accounts are configured or no key is there. */
  readonly unused: readonly string[];
}

/** Puts the variables' values into the draft. An empty variable counts as unset. */
export function applyEnvironment(draft: Draft, environment: Environment): VariableUse {
  const applied: string[] = [];
  for (const [variable, path] of OVERRIDES) {
    const value = environment[variable];
    if (!value) continue;
    draft.override(path, value, variable);
    applied.push(variable);
  }
  const account = applyDefaultAccount(draft, environment);
  const given = ['ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL'].filter((variable) => environment[variable]);
  return account ? { applied: [...applied, ...given], unused: [] } : { applied, unused: given };
}

/** The account that ANTHROPIC_API_KEY stands for where the file has none. Returns whether it was made. */
function applyDefaultAccount(draft: Draft, environment: Environment): boolean {
  const { ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: baseUrl } = environment;
  const accounts = draft.get(['accounts']);
  const none = accounts === undefined || (Array.isArray(accounts) && accounts.length === 0);
  if (!key || !none) return false;
  const region = { name: 'default', base_url: baseUrl || DEFAULT_BASE_URL };
  draft.override(['accounts'], [{ name: 'default', api_key: key, regions: [region] }], 'ANTHROPIC_API_KEY');
  draft.place(['accounts', 0, 'api_key'], { variable: 'ANTHROPIC_API_KEY' });
  draft.place(['accounts', 0, 'regions', 0, 'base_url'], { variable: 'ANTHROPIC_BASE_URL' });
  return true;
}
