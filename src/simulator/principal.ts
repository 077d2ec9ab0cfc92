import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from './api-error.ts';
import type { ApiKey } from './options.ts';
import { readApiKey } from './validation/headers.ts';

/** Whom a request is from. */
export interface Principal {
  readonly key: string;
  /** A UUID, as `anthropic-organization-id` tells it. */
  readonly organization: string;
  /** `wrkspc_…` */
  readonly workspace: string;
}

/** Keys that are remembered when any key will do; beyond them, all are worked out anew. */
const MOST_KNOWN = 10_000;

function identify(key: string, organizationName: string): Principal {
  const digest = hash('sha256', `organization ${organizationName}`);
  const part = (from: number, to: number): string => digest.slice(from, to);
  return {
    key,
    organization: `${part(0, 8)}-${part(8, 12)}-4${part(13, 16)}-8${part(17, 20)}-${part(20, 32)}`,
    workspace: `wrkspc_${part(32, 56)}`,
  };
}

/** The keys that are accepted; none configured means any. */
export class Principals {
  readonly #known = new Map<string, Principal>();
  readonly #open: boolean;

  constructor(keys: readonly ApiKey[]) {
    this.#open = keys.length === 0;
    for (const { key, organization } of keys) this.#known.set(key, identify(key, organization ?? `of ${key}`));
  }

  /** Throws the API's 401 when the key is missing or not accepted. */
  authenticate(headers: IncomingHttpHeaders): Principal {
    const key = readApiKey(headers);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (!this.#open) {
      const message = headers['x-api-key'] === key ? 'invalid x-api-key' : 'Invalid bearer token';
      throw new ApiError(401, 'authentication_error', message);
    }
    const principal = identify(key, `of ${key}`);
    if (this.#known.size < MOST_KNOWN) this.#known.set(key, principal);
    return principal;
  }
}
