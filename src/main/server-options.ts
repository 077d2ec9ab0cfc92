import { readFileSync } from 'node:fs';
import { formatAddress } from '../config/address.ts';
import type { ServerConfig } from '../config/sections/server.ts';
import type { ServerOptions } from '../server/server.ts';

/** What the gRPC server is told; the files of its certificate have been checked by the configuration. */
export function serverOptions(config: ServerConfig): ServerOptions {
  const { listen, tls, allowAnonymous: _, maxResponseBytes: __, ...rest } = config;
  return { ...rest, listen: formatAddress(listen), ...(tls === undefined ? {} : { tls: tlsOptions(tls) }) };
}

function tlsOptions({ certFile, keyFile, clientCaFile }: NonNullable<ServerConfig['tls']>) {
  return {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ...(clientCaFile === undefined ? {} : { clientCa: readFileSync(clientCaFile) }),
  };
}
