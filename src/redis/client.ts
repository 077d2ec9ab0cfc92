import { createClient, RESP_TYPES, type RedisArgument } from '@redis/client';
import type { Secret } from '../completion/secret.ts';
import { RedisUnavailable } from './errors.ts';

/** Where Redis is, and as whom the relay comes. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string;
  readonly password: string;
  readonly database: number;
}

/** What Redis answers, its strings as text. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** One connection of the client library, which lives once. */
export interface RedisClient {
  /** Resolves when Redis has let the connection in; rejects when it could not be opened. */
  readonly connect: () => Promise<void>;
  readonly text: (args: readonly RedisArgument[]) => Promise<RedisReply>;
  readonly bytes: (args: readonly RedisArgument[]) => Promise<Buffer>;
  /** Resolves when the replies under way have come. */
  readonly drain: () => Promise<void>;
  /** Ends it at once: what waits for a reply is rejected. Safe at any time, and repeatedly. */
  readonly destroy: () => void;
}

const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/**
 * Reads `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://` for TLS.
 *
 * @throws Error where the URL is none, without saying what it is
 */
export function readAddress(secret: Secret): RedisAddress {
  const url = URL.parse(secret.reveal());
  if (url === null || url.hostname === '' || !/^rediss?:$/.test(url.protocol) || !/^(?:\/\d*)?$/.test(url.pathname)) {
    throw new Error('The Redis URL is not of the form redis://USER:PASSWORD@HOST:PORT/DATABASE.');
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    tls: url.protocol === 'rediss:',
    username: decoded(url.username),
    password: decoded(url.password),
    database: Number(url.pathname.slice(1)),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error('The user or password of the Redis URL is not percent-encoded. Write %25 for a percent sign.');
  }
}

export interface ClientOptions {
  readonly address: RedisAddress;
  /** PEM of the certificate authorities trusted with TLS; undefined for those that Node trusts. */
  readonly ca: string | undefined;
  readonly connectTimeoutMs: number;
  /** Called once the connection, having been open, is no longer. */
  readonly onBroken: (cause: unknown) => void;
}

/**
 * A client that neither reconnects nor queues while it is not connected: RedisConnection decides on both. Its own
 * time-out covers commands until they are written, not until they are answered, and so is of no use
 * (https://github.com/redis/node-redis/issues/2662).
 */
export function newClient({ address, ca, connectTimeoutMs, onBroken }: ClientOptions): RedisClient {
  const { host, port, tls, username, password, database } = address;
  const client = createClient({
    RESP: 2,
    name: 'claude-relay',
    // Without a name, AUTH is for the default user, also with servers that know no other.
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    database,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // Else every command leaves an AbortSignal behind, with a timer of five seconds.
    commandOptions: { timeout: 0 },
    socket: {
      host,
      port,
      connectTimeout: connectTimeoutMs,
      reconnectStrategy: false,
      ...(tls && { tls, ...(ca !== undefined && { ca }) }),
    },
  });
  client.on('error', onBroken);
  let isDestroyed = false;
  return {
    connect: async () => {
      await client.connect();
      if (!isDestroyed) return;
      // The library forgets a `destroy` that comes while the socket is being opened.
      client.destroy();
      throw new RedisUnavailable('lost');
    },
    text: (args) => client.sendCommand(args),
    bytes: (args) => client.sendCommand(args, BYTES),
    drain: () => client.close(),
    destroy: () => {
      isDestroyed = true;
      client.destroy();
    },
  };
}
