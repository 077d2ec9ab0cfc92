import { createHash, createHmac, hash, randomBytes } from 'node:crypto';
import { Authenticator } from '../src/access/authenticator.ts';
import { TenantDirectory } from '../src/access/directory.ts';
import { ANONYMOUS } from '../src/access/tenant.ts';
import { Secret } from '../src/completion/secret.ts';
import type { Benchmark } from './main.ts';
import { judge } from './report.ts';

const TENANTS = 1000;
const ROUNDS = 7;
const CALLS = 20_000;
const BODY_BYTES = 4096;

/** Microseconds a call: of several rounds the fastest, since whatever disturbs one only makes it slower. */
function microseconds(run: (call: number) => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    for (let call = 0; call < CALLS; call += 1) run(round * CALLS + call);
    best = Math.min(best, ((performance.now() - start) * 1000) / CALLS);
  }
  return best;
}

function refusal(run: () => unknown): void {
  try {
    run();
  } catch {
    return;
  }
  throw new Error('a call was let in that should have been refused');
}

export const benchmark: Benchmark = {
  summary: 'what it costs to find out who calls: bearer token, signature over 4 KB, and both refused',
  run: () => {
    const body = randomBytes(BODY_BYTES);
    const tokens = Array.from({ length: TENANTS }, () => randomBytes(24).toString('base64url'));
    const directory = new TenantDirectory(
      tokens.map((token, index) => ({
        tenant: { ...ANONYMOUS, name: `tenant-${index}` },
        tokenSha256: [createHash('sha256').update(token).digest('hex')],
        hmacSecret: new Secret(token),
      })),
    );
    const now = Date.now();
    const authenticator = new Authenticator({ directory, now: () => now, signaturesPerTenant: ROUNDS * CALLS });
    const authenticate = (metadata: Partial<Record<string, string>>) =>
      authenticator.authenticate({ metadata: (key) => metadata[key], body, certificate: () => undefined });

    const secret = tokens[0] ?? '';
    const timestamps = Array.from({ length: ROUNDS * CALLS }, (_, call) =>
      new Date(now).toISOString().replace('Z', `${String(call).padStart(6, '0')}Z`),
    );
    const signed = timestamps.map((timestamp) => ({
      'x-relay-tenant': 'tenant-0',
      'x-relay-timestamp': timestamp,
      'x-relay-signature': createHmac('sha256', secret).update(`${timestamp}:`).update(body).digest('hex'),
    }));
    const unknown = signed.map((metadata) => ({ ...metadata, 'x-relay-tenant': 'nobody' }));
    const bearer = tokens.map((token) => ({ authorization: `Bearer ${token}` }));

    const bareHash = microseconds((call) => void hash('sha256', tokens[call % TENANTS] ?? '', 'hex'));
    const token = microseconds((call) => void authenticate(bearer[call % TENANTS] ?? {}));
    const wrongToken = microseconds((call) => refusal(() => authenticate({ authorization: `Bearer ${call}` })));
    const bareHmac = microseconds(
      (call) =>
        void createHmac('sha256', secret)
          .update(`${timestamps[call] ?? ''}:`)
          .update(body)
          .digest(),
    );
    const signature = microseconds((call) => void authenticate(signed[call] ?? {}));
    const wrongTenant = microseconds((call) => refusal(() => authenticate(unknown[call] ?? {})));
    const replayed = microseconds((call) => refusal(() => authenticate(signed[call] ?? {})));

    console.log(
      `${TENANTS} tenants; a bare SHA-256 of a token ${bareHash.toFixed(2)} µs, a bare HMAC ${bareHmac.toFixed(2)} µs`,
    );
    console.log(
      `refused: token ${wrongToken.toFixed(2)} µs, tenant ${wrongTenant.toFixed(2)} µs, replay ${replayed.toFixed(2)} µs`,
    );
    const met = [
      judge('bearer token', token, 'at most', 3, ' µs'),
      judge('signature over 4 KB', signature, 'at most', 12, ' µs'),
      judge('signature, to a bare HMAC of the same bytes', signature / bareHmac, 'at most', 2, ' times'),
    ];
    return Promise.resolve(met.every(Boolean));
  },
};
