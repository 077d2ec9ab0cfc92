/** The admin HTTP listener: metrics and health, for scrapers, probes and DNS failover. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AdminOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface AdminDependencies {
  /** All metrics in the format that an `accept` header asks for. */
  readonly metrics: (accept: string) => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Whether calls would be answered: some endpoint can serve, and the server does not drain. */
  readonly isReady: () => boolean;
  /** What `/healthz` shows. */
  readonly health: () => object;
  /** Whether a region can serve; undefined where there is no such region. */
  readonly isRegionHealthy: (name: string) => boolean | undefined;
  /** Whether the `authorization` header of a request may read metrics and health detail. Probes need none. */
  readonly authorize: (authorization: string | undefined) => boolean;
  /** Told of what fails inside. */
  readonly warn: (message: string, cause: unknown) => void;
}

export interface Admin {
  readonly start: () => Promise<{ readonly port: number }>;
  readonly close: () => Promise<void>;
}

interface Page {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Enough for a few scrapers and probes, and a bound for whoever else finds the port. */
const MAX_CONNECTIONS = 100;
const REQUEST_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 5_000;
const REGION = '/health/regions/';

const NOT_FOUND: Page = { status: 404, text: 'not found\n' };
const UNAUTHORIZED: Page = { status: 401, text: 'unauthorized\n', headers: { 'www-authenticate': 'Bearer' } };

/** Makes the listener; `start` opens it. */
export function createAdmin({ host, port }: AdminOptions, dependencies: AdminDependencies): Admin {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      void answer(request, response, dependencies);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          // A TCP server that listens has an address of this form.
          resolve({ port: (server.address() as AddressInfo).port });
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, parts: AdminDependencies): Promise<void> {
  const page = await pageFor(request, parts).catch((cause: unknown): Page => {
    parts.warn('an admin request failed', cause);
    return { status: 500, text: 'internal error\n' };
  });
  response.writeHead(page.status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(page.text),
    ...page.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : page.text);
}

async function pageFor({ url, method, headers }: IncomingMessage, parts: AdminDependencies): Promise<Page> {
  const [path = ''] = (url ?? '').split('?');
  const page = pageOf(path, headers, parts);
  if (page === undefined) return NOT_FOUND;
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, text: 'method not allowed\n', headers: { allow: 'GET, HEAD' } };
  }
  return page();
}

/** What makes the page at a path; undefined where there is none. */
function pageOf(
  path: string,
  { authorization, accept = '' }: IncomingMessage['headers'],
  parts: AdminDependencies,
): (() => Page | Promise<Page>) | undefined {
  const guarded = (page: () => Page | Promise<Page>) => () => (parts.authorize(authorization) ? page() : UNAUTHORIZED);
  switch (path) {
    case '/livez':
      return () => verdict(true);
    case '/readyz':
      return () => verdict(parts.isReady());
    case '/healthz':
      return guarded(() => json(parts.isReady(), parts.health()));
    case '/metrics':
      return guarded(async () => {
        const { contentType, text } = await parts.metrics(accept);
        return { status: 200, text, headers: { 'content-type': contentType } };
      });
    default:
      return path.startsWith(REGION) ? () => region(path.slice(REGION.length), parts) : undefined;
  }
}

function region(encoded: string, { isRegionHealthy }: AdminDependencies): Page {
  const name = decoded(encoded);
  const isHealthy = name === undefined ? undefined : isRegionHealthy(name);
  return isHealthy === undefined ? NOT_FOUND : verdict(isHealthy);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // A broken percent-encoding names no region.
  }
}

function verdict(isGood: boolean): Page {
  return isGood ? { status: 200, text: 'ok\n' } : { status: 503, text: 'unavailable\n' };
}

function json(isGood: boolean, detail: object): Page {
  const text = `${JSON.stringify(detail, undefined, 2)}\n`;
  return { status: isGood ? 200 : 503, text, headers: { 'content-type': 'application/json; charset=utf-8' } };
}
