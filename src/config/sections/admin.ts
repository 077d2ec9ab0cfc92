import type { z } from 'zod';
import { address, section, tokenHash } from '../fields.ts';

export const adminSettings = section({
  listen: address()
    .prefault('127.0.0.1:9464')
    .describe('Where metrics and health are served over HTTP, as HOST:PORT. RELAY_ADMIN_LISTEN overrides it.'),
  token_sha256: tokenHash()
    .optional()
    .describe('SHA-256 in hex of a bearer token that /metrics and /healthz then ask for.'),
});

/** What the admin HTTP listener needs. */
export function adminConfig(settings: z.output<typeof adminSettings>) {
  return { listen: settings.listen, tokenSha256: settings.token_sha256 };
}

export type AdminConfig = ReturnType<typeof adminConfig>;
