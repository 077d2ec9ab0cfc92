import { readFileSync } from 'node:fs';
import { formatAddress } from '../config/address.ts';
import type { ServerConfig } from '../config/sections/server.ts';
import type { TlsOptions } from '../server/listener.ts';
import type { ServerOptions } from '../server/server.ts';

/** What the gRPC server is told. */
export function serverOptions(config: ServerConfig): ServerOptions {
  const { listen, tls: _, allowAnonymous: __, maxResponseBytes: ___, ...rest } = config;
  const tls = tlsOptions(config);
  return { ...rest, listen: formatAddress(listen), ...(tls === undefined ? {} : { tls }) };
}

/** The certificate as its files have it now, which the configuration has checked; undefined for plain text. */
export function tlsOptions({ tls }: ServerConfig): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  const { certFile, keyFile, clientCaFile } = tls;
  return {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ...(clientCaFile === undefined ? {} : { clientCa: readFileSync(clientCaFile) }),
  };
}
