import type { Secret } from '../completion/secret.ts';
import type { Config } from '../config/load.ts';
import { anthropicProvider } from '../providers/anthropic.ts';
import type { Provider } from '../providers/provider.ts';

/** The way to one endpoint, by the defaults of `upstream`. */
export function connectEndpoint(
  { upstream, server }: Config,
  account: { readonly name: string; readonly apiKey: Secret },
  region: { readonly name: string; readonly baseUrl: string },
  version: string,
): Provider {
  return anthropicProvider({
    account: account.name,
    region: region.name,
    baseUrl: region.baseUrl,
    apiKey: account.apiKey,
    pool: upstream.pool,
    requestCompression: upstream.requestCompression,
    timeoutMs: upstream.timeoutMs,
    streamIdleMs: upstream.streamIdleTimeoutMs,
    maxResponseBytes: server.maxResponseBytes,
    streamUnaryAbove: upstream.streamUnaryAbove,
    userAgent: `claude-relay/${version}`,
    clock: { now: () => performance.now(), epoch: () => Date.now() },
    ...(upstream.signing === undefined ? {} : { signingSecret: upstream.signing.secret }),
  });
}
