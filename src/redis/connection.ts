import { ErrorReply } from '@redis/client';
import type { Secret } from '../completion/secret.ts';
import { newClient, type RedisAddress, type RedisClient, type RedisReply, readAddress } from './client.ts';
import type { RedisClock } from './clock.ts';
import { codeOf, RedisUnavailable } from './errors.ts';
import type { LuaScript } from './script.ts';

export interface RedisConnectionOptions {
  /** `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://` for TLS. */
  readonly url: Secret;
  /** PEM of the certificate authorities trusted with `rediss://`; undefined for those that Node trusts. */
  readonly ca: string | undefined;
  /** How long an operation waits for its answer: what losing Redis may cost a call. 20 to 50 suit a local network. */
  readonly operationTimeoutMs: number;
  /** How long opening a connection may take; nobody waits for it longer than for an operation. */
  readonly connectTimeoutMs: number;
  /** Most operations that wait for Redis at once, those included whose callers have stopped waiting. */
  readonly maxPending: number;
  readonly clock: RedisClock;
}

/** `degraded`: Redis does not answer, and is left alone for a while. */
export type RedisState = 'up' | 'degraded';

/** @param cause a word for the log: why it is degraded; empty where it is up */
export type RedisStateListener = (state: RedisState, cause: string) => void;

type Link =
  | { readonly kind: 'idle' | 'closed' }
  /** `opened` is there for whoever may wait for the very first connection; nobody waits for a later one. */
  | { readonly kind: 'opening'; readonly client: RedisClient; readonly opened: Promise<RedisClient> | undefined }
  | { readonly kind: 'open'; readonly client: RedisClient; readonly since: number }
  | { readonly kind: 'down'; readonly cancelRetry: () => void };

/** Silence, in operation time-outs, after which a connection that owes an answer is given up. */
const SILENCE = 5;
/** Errors that Redis answers with in a row, after which it is left alone: out of memory, read only, loading. */
const REFUSALS = 3;
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;
const MOST_DOUBLINGS = 9;

/**
 * The relay's one connection to Redis, opened when first needed. It is built to be lost: an operation is answered
 * within its time-out or rejects with RedisUnavailable, and nothing else ever comes out of here.
 *
 * - After the first answer that is late, nothing more is asked until any answer comes: an outage costs the calls that
 *   were waiting one time-out, and those after them nothing. A single slow command is forgiven that way.
 * - Where none comes, the connection is dropped (what it owed cannot pile up) and a new one is tried in the background,
 *   after delays that double, with jitter, up to half a minute: no call is made to wait for the trial.
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #address: RedisAddress;
  readonly #clock: RedisClock;
  readonly #listeners = new Set<RedisStateListener>();
  #link: Link = { kind: 'idle' };
  #state: RedisState = 'up';
  #pending = 0;
  #refusals = 0;
  /** Doublings of the next delay. */
  #level = 0;
  /** Calls off the end of a silence; undefined while Redis answers. */
  #endSilence: (() => void) | undefined;

  /** @throws Error where the URL cannot be read; it says nothing of what is in it */
  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#address = readAddress(options.url);
    this.#clock = options.clock;
  }

  /** `up` until proven otherwise. */
  get state(): RedisState {
    return this.#state;
  }

  /** Operations that Redis has not answered, whether or not anybody still waits for them. */
  get pending(): number {
    return this.#pending;
  }

  /** Tells of each change, for a gauge and a line in the log. Returns a function that stops it. */
  onChange(listener: RedisStateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws RedisUnavailable */
  command(args: readonly (string | Buffer)[]): Promise<RedisReply> {
    return this.#operate((client) => client.text(args));
  }

  /** As `command`, for one that answers with a string, which comes as bytes. @throws RedisUnavailable */
  bytes(args: readonly string[]): Promise<Buffer> {
    return this.#operate((client) => client.bytes(args));
  }

  /** Runs a script, by its name where Redis knows it already. @throws RedisUnavailable */
  run(script: LuaScript, keys: readonly string[], args: readonly (string | number)[]): Promise<RedisReply> {
    const rest = [String(keys.length), ...keys, ...args.map(String)];
    return this.#operate((client) =>
      client.text(['EVALSHA', script.sha1, ...rest]).catch((thrown: unknown) => {
        if (codeOf(thrown) !== 'NOSCRIPT') throw thrown;
        return client.text(['EVAL', script.source, ...rest]);
      }),
    );
  }

  /** Lets operations under way end, for no longer than one may take. Every later one is refused. */
  async close(): Promise<void> {
    const link = this.#link;
    this.#link = { kind: 'closed' };
    this.#endSilence?.();
    if (link.kind === 'down') link.cancelRetry();
    if (link.kind === 'opening') link.client.destroy();
    if (link.kind !== 'open') return;
    const cancel = this.#clock.after(this.#options.operationTimeoutMs, link.client.destroy);
    await link.client.drain();
    cancel();
  }

  async #operate<T>(ask: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#endSilence !== undefined) throw new RedisUnavailable('unreachable', 'silent');
    if (this.#pending >= this.#options.maxPending) throw new RedisUnavailable('busy');
    if (this.#link.kind === 'idle') this.#connect(true);
    const link = this.#link;
    if (link.kind === 'open') return this.#within(link.client, ask);
    if (link.kind === 'opening' && link.opened !== undefined) return this.#within(link.opened, ask);
    throw new RedisUnavailable('unreachable', link.kind);
  }

  /** Asks, once there is a connection, and waits for the answer as long as an operation may. */
  #within<T>(client: RedisClient | Promise<RedisClient>, ask: (client: RedisClient) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let isAsked = false;
    let isLate = false;
    const cancel = this.#deadline(() => {
      isLate = true;
      this.#beginSilence();
      reject(new RedisUnavailable(isAsked ? 'timeout' : 'unreachable', 'late'));
    });
    const asked = async (open: RedisClient): Promise<T> => {
      if (isLate) throw new RedisUnavailable('unreachable', 'late');
      isAsked = true;
      return ask(open);
    };
    this.#pending++;
    const answer = client instanceof Promise ? client.then(asked) : asked(client);
    void answer
      .then(
        (reply) => {
          this.#heard();
          this.#refusals = 0;
          resolve(reply);
        },
        (thrown: unknown) =>
          reject(isAsked ? this.#failed(thrown) : new RedisUnavailable('unreachable', codeOf(thrown))),
      )
      .finally(() => {
        this.#pending--;
        cancel();
      });
    return promise;
  }

  /** Where the event loop was late itself, the answer gets as long again: it may lie there unread. */
  #deadline(passed: () => void): () => void {
    const { operationTimeoutMs } = this.#options;
    const due = this.#clock.now() + operationTimeoutMs;
    let cancel = this.#clock.after(operationTimeoutMs, () => {
      const late = Math.max(1, this.#clock.now() - due);
      cancel = this.#clock.after(late, passed);
    });
    return () => cancel();
  }

  #failed(thrown: unknown): RedisUnavailable {
    if (!(thrown instanceof ErrorReply)) return new RedisUnavailable('lost', codeOf(thrown));
    this.#heard();
    const code = codeOf(thrown);
    // Speaks of one key, not of Redis.
    if (code !== 'WRONGTYPE' && ++this.#refusals >= REFUSALS) this.#down(code);
    return new RedisUnavailable('refused', code);
  }

  #beginSilence(): void {
    const { kind } = this.#link;
    // Opening a connection has a deadline of its own.
    if (kind === 'opening') this.#endSilence ??= () => {};
    if (kind !== 'open') return;
    this.#endSilence ??= this.#clock.after(SILENCE * this.#options.operationTimeoutMs, () => this.#down('timeout'));
  }

  #heard(): void {
    this.#endSilence?.();
    this.#endSilence = undefined;
  }

  /** @param isFirst whether operations may wait for it */
  #connect(isFirst: boolean): void {
    const { ca, connectTimeoutMs } = this.#options;
    const onBroken = (cause: unknown): void => {
      if (this.#link.kind === 'open' && this.#link.client === client) this.#down(codeOf(cause));
    };
    const client = newClient({ address: this.#address, ca, connectTimeoutMs, onBroken });
    // Redis may take the connection and then say nothing; the library's own time-out is for the connection alone.
    const expired = Promise.withResolvers<never>();
    const cancel = this.#clock.after(2 * connectTimeoutMs, () => expired.reject(new RedisUnavailable('timeout')));
    const opened = Promise.race([this.#greet(client), expired.promise]).finally(cancel);
    this.#link = { kind: 'opening', client, opened: isFirst ? opened : undefined };
    opened.then(
      () => this.#opened(client),
      (thrown: unknown) => this.#down(thrown instanceof RedisUnavailable ? thrown.failure : codeOf(thrown)),
    );
  }

  /** Redis lets connections in that it will not serve: while it loads its data, or wants a password. */
  async #greet(client: RedisClient): Promise<RedisClient> {
    await client.connect();
    await client.text(['PING']);
    return client;
  }

  #opened(client: RedisClient): void {
    if (this.#link.kind !== 'opening' || this.#link.client !== client) return;
    this.#link = { kind: 'open', client, since: this.#clock.now() };
    this.#heard();
    this.#refusals = 0;
    this.#enter('up', '');
  }

  #down(cause: string): void {
    const link = this.#link;
    if (link.kind !== 'opening' && link.kind !== 'open') return;
    // Lost again soon after it was found is the same trouble going on.
    const lasted = link.kind === 'open' ? this.#clock.now() - link.since : 0;
    if (lasted >= MAX_RETRY_MS) this.#level = 0;
    const longest = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.#level);
    this.#level = Math.min(this.#level + 1, MOST_DOUBLINGS);
    const delay = longest * (0.5 + this.#clock.random() / 2);
    this.#link = { kind: 'down', cancelRetry: this.#clock.after(delay, () => this.#connect(false)) };
    this.#heard();
    link.client.destroy();
    this.#enter('degraded', cause);
  }

  #enter(state: RedisState, cause: string): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state, cause);
  }
}
