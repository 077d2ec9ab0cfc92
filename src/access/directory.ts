import { createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../completion/secret.ts';
import { ANONYMOUS, type Tenant } from './tenant.ts';

/** A tenant with what it proves itself by; a client certificate needs no entry, since it names the tenant. */
export interface TenantEntry {
  readonly tenant: Tenant;
  /** SHA-256 digests of its bearer tokens, in hex: more than one while a token is being replaced. */
  readonly tokenSha256: readonly string[];
  /** Shared secret of its signatures. */
  readonly hmacSecret?: Secret;
}

interface TokenOwner {
  readonly digest: Buffer;
  readonly tenant: Tenant;
}

interface Snapshot {
  readonly tenants: ReadonlyMap<string, Tenant>;
  readonly tokens: ReadonlyMap<string, TokenOwner>;
  readonly keys: ReadonlyMap<string, KeyObject>;
}

const HEX_DIGEST = /^[0-9a-f]{64}$/i;
const NO_DIGEST = Buffer.alloc(32);

/**
 * The tenants that are configured now. Replacing them is one step: a call sees either the old ones or the new ones.
 * What is counted for a tenant lives elsewhere under its name, so that it outlasts a replacement.
 */
export class TenantDirectory {
  #snapshot: Snapshot;

  /** @throws Error as `replace` does */
  constructor(entries: readonly TenantEntry[]) {
    this.#snapshot = snapshotOf(entries);
  }

  /** Whether no tenant is configured, so that everybody is the anonymous one. */
  get isOpen(): boolean {
    return this.#snapshot.tenants.size === 0;
  }

  /**
   * Puts other tenants in the place of these; on an error these stay.
   *
   * @throws Error where two tenants share a name, a token or a secret, or a credential cannot be one
   */
  replace(entries: readonly TenantEntry[]): void {
    this.#snapshot = snapshotOf(entries);
  }

  /** The tenant of that name; the anonymous one exists only while no other does. */
  get(name: string): Tenant | undefined {
    return this.isOpen && name === ANONYMOUS.name ? ANONYMOUS : this.#snapshot.tenants.get(name);
  }

  /**
   * The tenant that a bearer token belongs to. The token is hashed before anything is looked up, so that what timing
   * could tell is about a digest that nobody can steer, and a token of nobody costs what any other does.
   */
  byToken(token: string): Tenant | undefined {
    const digest = hash('sha256', token, 'hex');
    const owner = this.#snapshot.tokens.get(digest);
    const same = timingSafeEqual(Buffer.from(digest, 'hex'), owner?.digest ?? NO_DIGEST);
    return same ? owner?.tenant : undefined;
  }

  /** The key of a tenant's signatures, if it has one. */
  keyOf(name: string): KeyObject | undefined {
    return this.#snapshot.keys.get(name);
  }
}

function snapshotOf(entries: readonly TenantEntry[]): Snapshot {
  const tenants = new Map<string, Tenant>();
  const tokens = new Map<string, TokenOwner>();
  const keys = new Map<string, KeyObject>();
  const signers = new Map<string, string>();
  for (const { tenant, tokenSha256, hmacSecret } of entries) {
    if (tenants.has(tenant.name)) throw new Error(`Two tenants are named ${tenant.name}.`);
    tenants.set(tenant.name, tenant);
    for (const hex of tokenSha256) {
      if (!HEX_DIGEST.test(hex)) {
        throw new Error(`A token digest of tenant ${tenant.name} is not a SHA-256 in hex (64 characters).`);
      }
      const digest = hex.toLowerCase();
      const owner = tokens.get(digest);
      if (owner !== undefined) throw new Error(`Tenants ${owner.tenant.name} and ${tenant.name} have the same token.`);
      tokens.set(digest, { digest: Buffer.from(digest, 'hex'), tenant });
    }
    if (hmacSecret === undefined) continue;
    const secret = hmacSecret.reveal();
    if (secret === '') throw new Error(`The signing secret of tenant ${tenant.name} is empty.`);
    // The tenant's name is not signed: with one secret for two, a call of the one would pass for a call of the other.
    const signer = signers.get(secret);
    if (signer !== undefined) throw new Error(`Tenants ${signer} and ${tenant.name} have the same signing secret.`);
    signers.set(secret, tenant.name);
    keys.set(tenant.name, createSecretKey(secret, 'utf8'));
  }
  return { tenants, tokens, keys };
}
