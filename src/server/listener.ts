/**
 * The sockets beneath the gRPC server. grpc-js would listen by itself, but knows no bound on connections, waits two
 * minutes for a TLS handshake, takes a new certificate through an interface that it calls experimental, and without
 * channelz its `forceShutdown` leaves connections open. So it is handed connections that are ready.
 */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, isIP, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';

/** PEM files as they are. */
export interface TlsOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Turns on mTLS: connections without a certificate of this authority are refused. */
  readonly clientCa?: Buffer;
}

export interface ListenerOptions {
  /** `HOST:PORT` or `[IPV6]:PORT`; port 0 takes a free one. A name stands for all of its addresses. */
  readonly listen: string;
  /** Plain text without it. */
  readonly tls?: TlsOptions;
  /** How long a TLS handshake may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Connections at once, handshakes included; further ones are closed. */
  readonly maxConnections: number;
  /** Given every connection that is ready for HTTP/2. */
  readonly accept: (socket: Socket) => void;
  /** Told, at most once a minute, that all connections are taken and others are refused. */
  readonly full: () => void;
  /** Milliseconds on any scale. */
  readonly now: () => number;
}

const FULL_AGAIN_MS = 60_000;

/** Listens, does the TLS handshakes, and hands the connections over. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #handshaker: TlsServer | undefined;
  #fullAt = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.setTls(options.tls);
  }

  /** Opens the listener; rejects where an address cannot be bound. */
  async start(): Promise<{ readonly port: number }> {
    const { host, port } = hostAndPort(this.#options.listen);
    const hosts = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
    let bound = port;
    let refusal: unknown;
    for (const each of hosts) {
      try {
        // Whoever asks for any port gets the same on every address.
        bound = await this.#listen(bound, each);
      } catch (thrown) {
        // Hosts files name ::1 for localhost also where there is no IPv6.
        if (!isNoAddressHere(thrown)) throw thrown;
        refusal = thrown;
      }
    }
    if (this.#servers.length === 0) throw refusal;
    return { port: bound };
  }

  /**
   * Takes another certificate, other authorities or none for the connections that come from now on; those that are
   * there go on as they were made. Throws where OpenSSL does not take them, and changes nothing then.
   */
  setTls(tls: TlsOptions | undefined): void {
    this.#handshaker = tls === undefined ? undefined : this.#createHandshaker(tls);
  }

  /** Takes no new connections; handshakes under way lead nowhere. Resolves when no connection is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** Drops every connection, and takes no new ones. */
  destroy(): void {
    void this.stop();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen(port: number, host: string): Promise<number> {
    const server = createTcpServer({ noDelay: true }, (socket) => this.#opened(socket));
    server.listen(port, host);
    await once(server, 'listening');
    this.#servers.push(server);
    // A TCP server that listens has an address of this form.
    return (server.address() as AddressInfo).port;
  }

  #opened(socket: Socket): void {
    if (this.#sockets.size >= this.#options.maxConnections) {
      socket.destroy();
      this.#tellFull();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // What breaks a connection is told to its calls by the HTTP/2 session; before there is one, nobody waits.
    socket.on('error', ignore);
    if (this.#handshaker === undefined) this.#options.accept(socket);
    else this.#handshaker.emit('connection', socket);
  }

  #tellFull(): void {
    const now = this.#options.now();
    if (now - this.#fullAt < FULL_AGAIN_MS) return;
    this.#fullAt = now;
    this.#options.full();
  }

  /** A TLS server that does not listen: connections are put into it, so that another can take its place at any time. */
  #createHandshaker({ cert, key, clientCa }: TlsOptions): TlsServer {
    const options = {
      cert,
      key,
      ALPNProtocols: ['h2'],
      handshakeTimeout: this.#options.handshakeTimeoutMs,
      ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    };
    const server = createTlsServer(options, (socket) => {
      socket.on('error', ignore);
      if (this.#isStopped) socket.destroy();
      else this.#options.accept(socket);
    });
    // A handshake that failed or took too long leaves the closing to whoever hears of it.
    return server.on('tlsClientError', (_error, socket) => socket.destroy());
  }
}

function ignore(): void {}

function isNoAddressHere(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && /^(EADDRNOTAVAIL|EAFNOSUPPORT)$/.test(String(thrown.code));
}

function hostAndPort(listen: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(listen) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new Error(`${listen} is no address to listen on: write HOST:PORT or [IPV6]:PORT`);
  return { host, port: Number(port) };
}
