import { RelayError } from '../completion/errors.ts';
import { matchesAnyModel } from '../completion/model-pattern.ts';
import type { Tenant } from './tenant.ts';

/**
 * Whether a tenant may call an RPC, named as on the wire: `/claude.relay.v1.RelayService/Complete`. A pattern may give
 * the full name without its first slash, leave out the package, or be the method alone: `Complete`, `BatchService/*`.
 */
export function mayCall(tenant: Tenant, rpc: string): boolean {
  const full = rpc.startsWith('/') ? rpc.slice(1) : rpc;
  const slash = full.lastIndexOf('/');
  const service = full.slice(full.lastIndexOf('.', slash) + 1);
  const method = full.slice(slash + 1);
  return [full, service, method].some((name) => matchesAnyModel(tenant.rpcs, name));
}

/** @throws RelayError PERMISSION_DENIED, naming what the tenant may call */
export function requireRpc(tenant: Tenant, rpc: string): void {
  if (!mayCall(tenant, rpc)) throw denied(tenant, `call ${rpc}`, 'RPCs', tenant.rpcs);
}

/** @throws RelayError PERMISSION_DENIED, naming the models that the tenant may use */
export function requireModel(tenant: Tenant, model: string): void {
  if (!matchesAnyModel(tenant.models, model)) throw denied(tenant, 'use this model', 'models', tenant.models);
}

/**
 * The region that a tenant's call must run in, given the one it asked for (empty for any); empty where any will do.
 * A tenant that may use one region only need not name it.
 *
 * @throws RelayError PERMISSION_DENIED, naming the regions that the tenant may use
 */
export function requireRegion(tenant: Tenant, asked: string): string {
  const { regions } = tenant;
  if (asked !== '') {
    if (!matchesAnyModel(regions, asked)) throw denied(tenant, 'use this region', 'regions', regions);
    return asked;
  }
  if (regions.includes('*')) return '';
  const [only, ...others] = regions;
  if (only === undefined || others.length > 0 || only.includes('*')) {
    throw denied(tenant, 'leave the region open', 'regions', regions);
  }
  return only;
}

function denied(tenant: Tenant, action: string, kind: string, allowed: readonly string[]): RelayError {
  const list = allowed.length === 0 ? 'none' : allowed.join(', ');
  return new RelayError('PERMISSION_DENIED', `Tenant ${tenant.name} may not ${action}. Allowed ${kind}: ${list}.`, {
    metadata: { tenant: tenant.name, [`allowed_${kind.toLowerCase()}`]: list },
  });
}
