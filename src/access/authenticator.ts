import { createSecretKey, randomBytes } from 'node:crypto';
import { RelayError } from '../completion/errors.ts';
import { isCurrent, namesOf, type PeerCertificate } from './certificate.ts';
import type { TenantDirectory } from './directory.ts';
import { ReplayMemory } from './replay-memory.ts';
import { parseRfc3339 } from './rfc3339.ts';
import { SIGNATURE_WINDOW_MS, verifies } from './signature.ts';
import { ANONYMOUS, type Tenant } from './tenant.ts';

/** What a call brings to prove who it is from, before its request is there. */
export interface Claim {
  /** Value of a metadata key (lower case), several joined by ", "; undefined where the call has none. */
  readonly metadata: (key: string) => string | undefined;
  /** The peer's, where the TLS handshake has verified one against the configured authorities; asked for at most once. */
  readonly certificate: () => PeerCertificate | undefined;
}

/** The same once its request is there. */
export interface Credentials extends Claim {
  /** The serialized request message, byte for byte as received. */
  readonly body: Uint8Array;
}

export interface AuthenticatorOptions {
  readonly directory: TenantDirectory;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /**
   * Most signatures of one tenant remembered against replay; each for up to ten minutes, in about 70 bytes. A tenant
   * that signs faster than this many calls in five minutes is refused the rest, and no other tenant is.
   */
  readonly signaturesPerTenant: number;
}

/** A signature as presented: well-formed and of our time, and so worth a request to be held against. */
interface PresentedSignature {
  readonly name: string;
  readonly timestamp: string;
  /** `timestamp` in milliseconds since the epoch. */
  readonly time: number;
  readonly hex: string;
}

interface Signature {
  readonly tenant: Tenant;
  readonly hex: string;
  /** When it stops being acceptable, in milliseconds since the epoch. */
  readonly expires: number;
}

const TENANT = 'x-relay-tenant';
const TIMESTAMP = 'x-relay-timestamp';
const SIGNATURE = 'x-relay-signature';
const SWEEP_MS = 60_000;
const BEARER = /^bearer +(\S+)$/i;

/** Finds out which tenant a call is from. Whatever is presented must hold, and all of it must name the same tenant. */
export class Authenticator {
  readonly #directory: TenantDirectory;
  readonly #now: () => number;
  readonly #signaturesPerTenant: number;
  /** By tenant: none can use up another's room. Kept when a tenant is removed, since it may come back. */
  readonly #accepted = new Map<string, ReplayMemory>();
  #sweptAt = Number.NEGATIVE_INFINITY;
  /** Stands in for the key of an unknown tenant, so that the work is the same. */
  readonly #nobodysKey = createSecretKey(randomBytes(32));

  constructor(options: AuthenticatorOptions) {
    this.#directory = options.directory;
    this.#now = options.now;
    this.#signaturesPerTenant = options.signaturesPerTenant;
  }

  /**
   * Refuses what no request can make good: a call without credentials, with an unknown token, a certificate that is
   * not valid now, or a signature that is incomplete or of another time. Uses nothing up.
   *
   * @throws RelayError as `authenticate` does
   */
  screen(claim: Claim): void {
    if (this.#directory.isOpen) return;
    const signed = this.#presentedSignature(claim) !== undefined;
    const [tenant] = this.#agreed([this.#byToken(claim), this.#byCertificate(claim)]);
    if (tenant === undefined && !signed) throw unauthenticated(NO_CREDENTIAL);
  }

  /**
   * The tenant that the call is from; the anonymous one where no tenant is configured. Call it once a request: a
   * signature is accepted once.
   *
   * @throws RelayError UNAUTHENTICATED, SIGNATURE_STALE, SIGNATURE_MISMATCH, SIGNATURE_REPLAYED; QUOTA_EXCEEDED where
   *   no further signature can be remembered
   */
  authenticate(request: Credentials): Tenant {
    return this.#prove(request).tenant;
  }

  /**
   * As `authenticate`, among replicas: `claim` says whether this replica is the first to accept the signature.
   *
   * @throws RelayError as `authenticate` does; SIGNATURE_REPLAYED also where another replica was first
   */
  async authenticateAmongReplicas(
    request: Credentials,
    claim: (tenant: string, key: string, expires: number) => Promise<boolean>,
  ): Promise<Tenant> {
    const { tenant, signature } = this.#prove(request);
    if (signature !== undefined && !(await claim(tenant.name, keyOf(signature.hex), signature.expires)))
      throw replayed();
    return tenant;
  }

  #prove(request: Credentials): { readonly tenant: Tenant; readonly signature: Signature | undefined } {
    if (this.#directory.isOpen) return { tenant: ANONYMOUS, signature: undefined };
    const signature = this.#bySignature(request);
    const [tenant] = this.#agreed([this.#byToken(request), signature?.tenant, this.#byCertificate(request)]);
    if (tenant === undefined) throw unauthenticated(NO_CREDENTIAL);
    // Last, so that a call refused for another reason does not use its signature up.
    if (signature !== undefined) this.#acceptOnce(signature);
    return { tenant, signature };
  }

  /** Those of the tenants that there are, all of them the same. */
  #agreed(proven: readonly (Tenant | undefined)[]): readonly Tenant[] {
    const tenants = proven.filter((tenant) => tenant !== undefined);
    if (tenants.some(({ name }) => name !== tenants[0]?.name)) {
      throw unauthenticated('The credentials of this call belong to different tenants. Send those of one.');
    }
    return tenants;
  }

  #byToken({ metadata }: Claim): Tenant | undefined {
    const header = metadata('authorization');
    if (header === undefined) return undefined;
    const token = BEARER.exec(header)?.[1];
    if (token === undefined) throw unauthenticated('Send metadata authorization as "Bearer TOKEN".');
    const tenant = this.#directory.byToken(token);
    if (tenant === undefined) throw unauthenticated('The bearer token is not one of this relay. Check the token.');
    return tenant;
  }

  #presentedSignature({ metadata }: Claim): PresentedSignature | undefined {
    const name = metadata(TENANT);
    const timestamp = metadata(TIMESTAMP);
    const hex = metadata(SIGNATURE);
    if (name === undefined && timestamp === undefined && hex === undefined) return undefined;
    if (name === undefined || timestamp === undefined || hex === undefined) {
      throw unauthenticated(`A signed call carries metadata ${TENANT}, ${TIMESTAMP} and ${SIGNATURE}; one is missing.`);
    }
    const time = parseRfc3339(timestamp);
    if (time === undefined) throw unauthenticated(`Send ${TIMESTAMP} as RFC 3339 has it, e.g. 2026-01-31T12:00:00Z.`);
    if (Math.abs(this.#now() - time) > SIGNATURE_WINDOW_MS) {
      throw new RelayError(
        'SIGNATURE_STALE',
        'The signature is more than 5 minutes off. Set the clock and sign anew.',
        {
          metadata: { server_time: new Date(this.#now()).toISOString() },
        },
      );
    }
    return { name, timestamp, time, hex };
  }

  #bySignature(request: Credentials): Signature | undefined {
    const presented = this.#presentedSignature(request);
    if (presented === undefined) return undefined;
    const { name, timestamp, time, hex } = presented;
    const key = this.#directory.keyOf(name);
    const valid = verifies(key ?? this.#nobodysKey, timestamp, request.body, hex);
    const tenant = this.#directory.get(name);
    if (!valid || key === undefined || tenant === undefined) {
      throw new RelayError(
        'SIGNATURE_MISMATCH',
        'The signature does not fit. It is the lower-case hex of HMAC-SHA256 over timestamp, ":" and the serialized request, with the secret of the tenant named.',
      );
    }
    return { tenant, hex, expires: time + SIGNATURE_WINDOW_MS };
  }

  /** A certificate that names no tenant proves nothing (a mesh gives one to every workload), so others may decide. */
  #byCertificate(claim: Claim): Tenant | undefined {
    const certificate = claim.certificate();
    if (certificate === undefined) return undefined;
    if (!isCurrent(certificate, this.#now())) {
      throw unauthenticated('The client certificate is not valid now. Renew it and connect again.');
    }
    for (const name of namesOf(certificate)) {
      const tenant = this.#directory.get(name);
      if (tenant !== undefined) return tenant;
    }
    return undefined;
  }

  #acceptOnce({ tenant, hex, expires }: Signature): void {
    const now = this.#now();
    const memory = this.#memoryOf(tenant.name, now);
    switch (memory.remember(keyOf(hex), expires, now)) {
      case 'fresh':
        return;
      case 'seen':
        throw replayed();
      case 'full':
        throw new RelayError(
          'QUOTA_EXCEEDED',
          'The tenant has signed more calls within 5 minutes than can be told from replays. Send fewer, or use a token.',
          {
            retryAfter: memory.untilRoom(now),
            metadata: {
              quota: 'signatures_remembered',
              limit: String(this.#signaturesPerTenant),
              subject: `tenant:${tenant.name}`,
            },
          },
        );
    }
  }

  #memoryOf(name: string, now: number): ReplayMemory {
    // So that the memories of tenants that stay silent shrink too.
    if (now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now;
      for (const memory of this.#accepted.values()) memory.forget(now);
    }
    const known = this.#accepted.get(name);
    if (known !== undefined) return known;
    const memory = new ReplayMemory(this.#signaturesPerTenant);
    this.#accepted.set(name, memory);
    return memory;
  }
}

const NO_CREDENTIAL = `Send metadata "authorization: Bearer TOKEN", a signature (${TENANT}, ${TIMESTAMP}, ${SIGNATURE}), or a client certificate that names a tenant.`;

function unauthenticated(message: string): RelayError {
  return new RelayError('UNAUTHENTICATED', message);
}

/** Half of the digest: 128 bits are enough never to meet by chance, and no secret is needed to keep them. */
function keyOf(hex: string): string {
  return Buffer.from(hex.slice(0, 32), 'hex').toString('latin1');
}

function replayed(): RelayError {
  const advice = 'Sign every call anew; a finer timestamp tells equal requests apart.';
  return new RelayError('SIGNATURE_REPLAYED', `This signature was accepted before. ${advice}`);
}
