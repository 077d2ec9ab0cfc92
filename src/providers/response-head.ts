import type { ResponseHead } from '../completion/head.ts';

/** Header values as the HTTP client hands them over: a list where a header came more than once. */
export type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/**
 * The part of an answer's head that pacing, cool-downs and retries read. An allow-list: gateways have
 * been seen to send keys and cookies back in response headers, and hop headers mean nothing here.
 */
export function responseHead(status: number, raw: RawHeaders): ResponseHead {
  const headers: Record<string, string> = {};
  for (const name in raw) {
    if (!allowed(name)) continue;
    const value = headerOf(raw, name);
    if (value !== undefined) headers[name] = value;
  }
  return { status, headers };
}

/** One header as a single value; several are joined as RFC 9110, 5.3 has it. */
export function headerOf(raw: RawHeaders, name: string): string | undefined {
  const value = raw[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function allowed(name: string): boolean {
  return (
    name.startsWith('anthropic-') ||
    name.startsWith('retry-after') ||
    name === 'request-id' ||
    name === 'x-should-retry'
  );
}
