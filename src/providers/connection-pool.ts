import { Client, type Dispatcher, Pool } from 'undici';
import { type Entrant, Gate } from './gate.ts';

export interface PoolOptions {
  /** Connections open at once. */
  readonly maxConnections: number;
  /** How long an unused connection is kept, in milliseconds; less where the server says so by `keep-alive: timeout`. */
  readonly idleTimeoutMs: number;
  /** From the first SYN to the end of the TLS handshake, in milliseconds (undici's timer is exact to about a second). */
  readonly tlsHandshakeTimeoutMs: number;
  /**
   * After about so many requests an HTTP/1.1 connection is renewed, so that load follows the upstream's DNS and
   * balancers. Each client draws its own number within ±20%, so that they do not renew all at once. HTTP/2 sessions
   * are renewed by their server (GOAWAY).
   */
  readonly maxRequestsPerConnection: number;
  /** Offers HTTP/2 by ALPN; a server that does not want it is spoken to in HTTP/1.1. */
  readonly http2: boolean;
}

/** undici's own bound of parallel streams in one HTTP/2 session (`maxConcurrentStreams`). */
const STREAMS_PER_SESSION = 100;

const RENEWAL_SPREAD = 0.2;

/** The connections to one origin, and the order in which requests get one. */
export class ConnectionPool {
  private readonly pool: Pool;
  private readonly gate: Gate;
  private open = 0;
  private closing: PromiseWithResolvers<void> | undefined;

  constructor(origin: string, options: PoolOptions) {
    this.gate = new Gate(options.maxConnections * (options.http2 ? STREAMS_PER_SESSION : 1));
    this.pool = new Pool(origin, {
      connections: options.maxConnections,
      allowH2: options.http2,
      connect: { timeout: options.tlsHandshakeTimeoutMs },
      keepAliveTimeout: options.idleTimeoutMs,
      keepAliveMaxTimeout: options.idleTimeoutMs,
      factory: (url, clientOptions) =>
        new Client(url, { ...clientOptions, maxRequestsPerClient: spread(options.maxRequestsPerConnection) }),
    });
  }

  get closed(): boolean {
    return this.closing !== undefined;
  }

  /** Starts the entrant as soon as a connection can be had for it. It owes a `leave` when its request is over. */
  enter(entrant: Entrant): void {
    this.open++;
    this.gate.enter(entrant);
  }

  /** Whether the entrant had not started yet and now never will. */
  withdraw(entrant: Entrant): boolean {
    const withdrawn = this.gate.withdraw(entrant);
    if (withdrawn) this.closeOne();
    return withdrawn;
  }

  leave(): void {
    this.gate.leave();
    this.closeOne();
  }

  /** The handler hears of every failure, bad arguments included. */
  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.pool.dispatch(request, handler);
  }

  async close(): Promise<void> {
    if (this.closing === undefined) {
      this.closing = Promise.withResolvers();
      if (this.open === 0) this.closing.resolve();
    }
    await this.closing.promise;
    if (!this.pool.destroyed) await this.pool.close();
  }

  private closeOne(): void {
    this.open--;
    if (this.open === 0) this.closing?.resolve();
  }
}

function spread(requests: number): number {
  return Math.max(1, Math.round(requests * (1 + RENEWAL_SPREAD * (2 * Math.random() - 1))));
}
