import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { ApiError } from '../api-error.ts';
import type { Clock } from '../clock.ts';
import type { OpenRecord, Records } from '../records.ts';
import { chooseEncoding, createEncoder, encodeBody } from './encoding.ts';

/** Below it compression does not pay; CDNs have such a bound too. */
const SMALLEST_COMPRESSED = 1024;

type Headers = Readonly<Record<string, string>>;

/** What every exchange of a simulator shares. */
export interface ExchangeContext {
  readonly clock: Clock;
  readonly records: Records;
  readonly compression: 'none' | 'whole' | 'all';
}

/** One request and its answer: the headers that go out, what is recorded, and what must stop when the client leaves. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly record: OpenRecord;
  /** Whether the connection is gone, or everything is out. */
  closed = false;
  readonly #response: ServerResponse;
  readonly #context: ExchangeContext;
  readonly #headers: Record<string, string>;
  #limitHeaders: () => Headers = () => ({});
  #cancel: (() => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, record: OpenRecord, context: ExchangeContext) {
    this.request = request;
    this.record = record;
    this.#response = response;
    this.#context = context;
    this.#headers = { 'request-id': record.id, 'x-claude-relay-simulator': 'true' };
    response.once('close', () => this.#close());
  }

  addHeaders(headers: Headers): void {
    Object.assign(this.#headers, headers);
  }

  /** Headers to be asked for when the answer begins: the limits as they stand then. */
  setLimitHeaders(headers: () => Headers): void {
    this.#limitHeaders = headers;
  }

  /** Calls back after the wait, at once for none, and never once the client has gone. One wait at a time. */
  after(delay: number, callback: () => void): void {
    if (this.closed) return;
    if (delay <= 0) {
      callback();
      return;
    }
    this.#cancel = this.#context.clock.schedule(callback, delay);
  }

  /** Whether something of the answer has gone out. */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  sendJson(status: number, value: object): void {
    this.send(status, 'application/json', JSON.stringify(value));
  }

  sendError(error: ApiError): void {
    this.addHeaders(error.headers);
    this.sendJson(error.status, error.body(this.record.id));
  }

  /** Sends a whole body. */
  send(status: number, contentType: string, text: string): void {
    const bytes = Buffer.from(text);
    const { compression } = this.#context;
    const coding = compression === 'none' || bytes.length < SMALLEST_COMPRESSED ? undefined : this.#coding();
    if (coding === undefined) {
      this.#writeHead(status, { 'content-type': contentType, 'content-length': String(bytes.length) });
      this.#response.end(bytes);
      return;
    }
    const finish = async (): Promise<void> => {
      const encoded = await encodeBody(bytes, coding);
      if (this.closed) return;
      const headers = { 'content-encoding': coding, 'content-length': String(encoded.length), vary: 'accept-encoding' };
      this.#writeHead(status, { 'content-type': contentType, ...headers });
      this.#response.end(encoded);
    };
    finish().catch((error: unknown) => this.fail(error));
  }

  /** Sends what comes from a proxy and not from the API: none of its headers, and perhaps no body. */
  sendForeign(status: number, headers: Headers, body: string): void {
    this.record.status = status;
    this.note();
    this.#response.writeHead(status, {
      'x-claude-relay-simulator': 'true',
      'content-length': Buffer.byteLength(body),
      ...headers,
    });
    this.#response.end(body);
  }

  /** Begins a body of unknown length, and gives the stream to write it to. */
  begin(contentType: string): Writable {
    const coding = this.#context.compression === 'all' ? this.#coding() : undefined;
    const headers = { 'content-type': contentType, 'cache-control': 'no-cache', 'transfer-encoding': 'chunked' };
    if (coding === undefined) {
      this.#writeHead(200, headers);
      return this.#response;
    }
    this.#writeHead(200, { ...headers, 'content-encoding': coding, vary: 'accept-encoding' });
    const encoder = createEncoder(coding);
    encoder.pipe(this.#response);
    this.#response.once('close', () => encoder.destroy());
    return encoder;
  }

  /** Tells those who wait for the request that its record changed. */
  note(): void {
    this.#context.records.notify(this.record);
  }

  /** Marks the answer as broken by a fault, whatever becomes of the connection. */
  markBroken(): void {
    this.#context.records.end(this.record, 'broken', this.#context.clock.now());
  }

  /** Breaks the connection: `reset` sends a TCP reset, `cut` closes it in the middle of whatever it is in. */
  breakOff(how: 'cut' | 'reset'): void {
    this.markBroken();
    const { socket } = this.#response;
    if (how === 'reset') socket?.resetAndDestroy();
    else this.#response.destroy();
  }

  /**
   * Ends an answer that the simulator itself failed to make, loudly: it is a bug. Once the client has gone, whatever
   * fails fails because of that.
   */
  fail(error: unknown): void {
    if (this.closed) return;
    process.emitWarning(error instanceof Error ? error : new Error(String(error)));
    if (this.begun) this.breakOff('cut');
    else this.sendError(new ApiError(500, 'api_error', 'The simulator failed; its process warnings say why.'));
  }

  #coding(): ReturnType<typeof chooseEncoding> {
    const header = this.request.headers['accept-encoding'];
    return chooseEncoding(typeof header === 'string' ? header : undefined);
  }

  #writeHead(status: number, headers: Headers): void {
    this.record.status = status;
    this.note();
    this.#response.writeHead(status, { ...this.#headers, ...this.#limitHeaders(), ...headers });
  }

  #close(): void {
    this.closed = true;
    this.#cancel?.();
    const outcome = this.#response.writableFinished ? 'answered' : 'aborted';
    this.#context.records.end(this.record, outcome, this.#context.clock.now());
  }
}
