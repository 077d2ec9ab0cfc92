import { z } from 'zod';
import { Secret } from '../../completion/secret.ts';
import { filePath } from '../fields.ts';

const redisUrl = z.string().transform((text, context) => {
  const url = URL.parse(text);
  if (url !== null && url.hostname !== '' && /^rediss?:$/.test(url.protocol)) return new Secret(text);
  context.addIssue('is not a Redis URL. Write redis://HOST:PORT, or rediss://HOST:PORT for TLS.');
  return z.NEVER;
});

export const redisSettings = z.strictObject({
  url: redisUrl.describe('redis:// or rediss:// URL, which may hold a password. RELAY_REDIS_URL overrides it.'),
  url_file: filePath().optional().describe('File that holds the URL.'),
});

/** State shared by replicas. The URL is secret because it may hold a password. */
export function redisConfig(settings: z.output<typeof redisSettings>) {
  return { url: settings.url };
}

export type RedisConfig = ReturnType<typeof redisConfig>;
