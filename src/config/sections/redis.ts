import { z } from 'zod';
import { Secret } from '../../completion/secret.ts';
import { filePath, section } from '../fields.ts';
import { type Finding, rule } from '../rule.ts';

const redisUrl = z.string().transform((text, context) => {
  const url = URL.parse(text);
  const refusal = url === null ? NOT_REDIS : refuseUrl(url);
  if (refusal === undefined) return new Secret(text);
  context.addIssue(refusal);
  return z.NEVER;
});

const NOT_REDIS = 'is not a Redis URL. Write redis://HOST:PORT, or rediss://HOST:PORT for TLS.';

/** What would be ignored is refused. A password with a plain `?` or `#` in it comes out as something else. */
function refuseUrl({ protocol, hostname, username, password, pathname, search, hash }: URL): string | undefined {
  if (!/^rediss?:$/.test(protocol) || hostname === '') return NOT_REDIS;
  if (!/^(?:\/\d*)?$/.test(pathname)) return 'names no database. Write a number after the slash, or nothing.';
  if (search !== '' || hash !== '')
    return 'has a query or a fragment. Leave only scheme, user, host, port and database.';
  if (!isPercentEncoded(username) || !isPercentEncoded(password))
    return 'has a user or password that is not percent-encoded. Write %25 for a percent sign.';
  return undefined;
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** What the rule below reads. */
interface Loose {
  readonly url: Secret;
  readonly ca_file?: unknown;
}

function* caIsForTls({ url, ca_file: caFile }: Loose): Iterable<Finding> {
  if (caFile === undefined || URL.parse(url.reveal())?.protocol === 'rediss:') return;
  yield {
    paths: [['ca_file']],
    message: 'is for TLS, and the URL is not of TLS. Write rediss:// there, or take it out.',
  };
}

export const redisSettings = section({
  url: redisUrl.describe('redis:// or rediss:// URL, which may hold a password. RELAY_REDIS_URL overrides it.'),
  url_file: filePath().optional().describe('File that holds the URL.'),
  ca_file: filePath()
    .optional()
    .describe('Authorities in PEM that vouch for a rediss:// server, instead of those that Node knows. Read at start.'),
}).check(rule([['url']], caIsForTls));

/** State shared by replicas. The URL is secret because it may hold a password. */
export function redisConfig(settings: z.output<typeof redisSettings>) {
  return { url: settings.url, caFile: settings.ca_file };
}

export type RedisConfig = ReturnType<typeof redisConfig>;
