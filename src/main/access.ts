import type { Metadata } from '@grpc/grpc-js';
import { Authenticator, type Claim } from '../access/authenticator.ts';
import { TenantDirectory, type TenantEntry } from '../access/directory.ts';
import { requireRegion, requireRpc } from '../access/permissions.ts';
import { Quotas } from '../access/quota.ts';
import type { Tenant } from '../access/tenant.ts';
import type { Call } from '../completion/call.ts';
import { priceBook } from '../completion/price.ts';
import type { Usage } from '../completion/usage.ts';
import type { TenantConfig } from '../config/sections/tenants.ts';
import type { Screen } from '../server/edge-call.ts';
import type { Peer } from '../server/peer.ts';
import type { Authenticate, Identity } from '../server/relay-service.ts';
import type { SharedState } from './shared-state.ts';

/** Signatures that one tenant may send within the ten minutes for which they are remembered. */
const SIGNATURES_PER_TENANT = 262_144;

/** Who may call, and what they may use. */
export function openAccess(tenants: readonly TenantConfig[], { quotaStore, replays }: SharedState) {
  const directory = new TenantDirectory(tenants.map(entryOf));
  const authenticator = new Authenticator({ directory, now: Date.now, signaturesPerTenant: SIGNATURES_PER_TENANT });
  const prices = priceBook();
  const screen: Screen = (metadata, peer) => authenticator.screen(claimOf(metadata, peer));
  const authenticate: Authenticate = (metadata, wire, peer, rpc) => {
    const request = { ...claimOf(metadata, peer), body: wire };
    const admitted = (tenant: Tenant): Identity => {
      requireRpc(tenant, rpc);
      return { tenant: tenant.name };
    };
    if (replays === undefined) return admitted(authenticator.authenticate(request));
    return authenticator.authenticateAmongReplicas(request, (...claim) => replays.claim(...claim)).then(admitted);
  };
  return {
    directory,
    screen,
    authenticate,
    prices,
    quotas: new Quotas(quotaStore, Date.now),
    priceOf: (call: Call, usage: Usage): number | undefined => prices.priceOf(call.model, usage, { at: Date.now() }),
    /** The region in which a call of this tenant must run; empty for any. */
    regionOf: (tenant: string, asked: string): string => {
      const entry = directory.get(tenant);
      return entry === undefined ? asked : requireRegion(entry, asked);
    },
    replace: (next: readonly TenantConfig[]): void => directory.replace(next.map(entryOf)),
  };
}

function entryOf(config: TenantConfig): TenantEntry {
  const { tokenSha256, hmacSecret, cache: _, ...tenant } = config;
  return {
    tenant,
    tokenSha256: tokenSha256.map((digest) => digest.reveal()),
    ...(hmacSecret === undefined ? {} : { hmacSecret }),
  };
}

function claimOf(metadata: Metadata, peer: Peer): Claim {
  return { metadata: (key) => joined(metadata, key), certificate: peer.certificate };
}

/** Values of a key that came more than once are joined, so that a second credential cannot hide behind the first. */
function joined(metadata: Metadata, key: string): string | undefined {
  const values = metadata.get(key);
  return values.length === 0 ? undefined : values.join(', ');
}
