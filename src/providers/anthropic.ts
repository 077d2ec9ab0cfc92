import type { Dispatcher } from 'undici';
import type { Call, Operation } from '../completion/call.ts';
import { asRelayError, RelayError } from '../completion/errors.ts';
import type { Reply } from '../completion/reply.ts';
import type { Secret } from '../completion/secret.ts';
import { Answer, type AnswerOptions } from './answer.ts';
import { ConnectionPool, type PoolOptions } from './connection-pool.ts';
import { ACCEPTED_CODINGS, compress, type RequestCoding } from './content-coding.ts';
import { Exchange } from './exchange.ts';
import type { Clock, Provider } from './provider.ts';
import { signatureHeaders } from './signature.ts';
import { Upload } from './upload.ts';

/** One endpoint of the Messages API: an account in a region. */
export interface AnthropicOptions {
  /** Names for error metadata; the caller writes them to the call's trace. */
  readonly account: string;
  readonly region: string;
  /** `https://host[:port][/prefix]`; the API's paths, beginning with `/v1`, are added to it. */
  readonly baseUrl: string;
  /** Asked at every call, so that it may change. */
  readonly apiKey: Pick<Secret, 'reveal'>;
  /** Signs every request for gateways that ask for it; absent for none. */
  readonly signingSecret?: Pick<Secret, 'reveal'>;
  readonly pool: PoolOptions;
  /** Given up for good once the endpoint has refused a compressed body. */
  readonly requestCompression: RequestCoding;
  /**
   * Milliseconds from sending a request to the head of its answer, for silence within a whole answer, and for a
   * stream that nobody reads. The call's own deadline comes by its signal.
   */
  readonly timeoutMs: number;
  /**
   * Longest silence within a stream, in milliseconds. The upstream sends pings while a model thinks (at an interval that
   * is not documented), so that minutes of silence mean a dead connection; two minutes are a sound value.
   */
  readonly streamIdleMs: number;
  /** Bound of an answer, whole or streamed, after decompression. */
  readonly maxResponseBytes: number;
  /**
   * Calls that want no stream still use upstream streaming above so many `max_tokens`, and get a stream reply: long
   * silent answers are cut by idle proxies (the official SDKs refuse them above 21,333). `Infinity` for never.
   */
  readonly streamUnaryAbove: number;
  /** `claude-relay/VERSION`. */
  readonly userAgent: string;
  readonly clock: Clock;
}

const PATHS: Readonly<Record<Operation, string>> = {
  messages: '/v1/messages',
  count_tokens: '/v1/messages/count_tokens',
  models: '/v1/models',
};

const MASK = '***';

/** Characters from which on a body is written piece by piece. */
const LONG_BODY = 65_536;

/** What a header value may hold unquoted (RFC 9110, 5.5); keys of the API hold nothing else. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * `send` rejects with a RelayError: `api-meanings.ts` says for which refusal of the API with which one; UPSTREAM_UNAVAILABLE
 * for connections that fail and answers that are none, RESPONSE_TOO_LARGE over the bound, the signal's reason once it
 * aborts.
 */
export function anthropicProvider(options: AnthropicOptions): Provider {
  const { clock, signingSecret, timeoutMs } = options;
  const base = new URL(options.baseUrl);
  const prefix = base.pathname.replace(/\/+$/, '');
  const pool = new ConnectionPool(base.origin, options.pool);
  const metadata = { account: options.account, region: options.region };
  const answers: AnswerOptions = {
    clock,
    maxResponseBytes: options.maxResponseBytes,
    stallMs: timeoutMs,
    metadata,
    conceal: (text) => text.replaceAll(options.apiKey.reveal() || MASK, MASK),
  };
  let coding = options.requestCompression;

  function send(call: Call): Promise<Reply> {
    if (pool.closed) {
      const message = 'The endpoint is being closed. Retry.';
      return Promise.reject(new RelayError('UPSTREAM_UNAVAILABLE', message, { metadata, scope: 'none' }));
    }
    if (coding !== 'none') return attemptCoded(call);
    return signingSecret === undefined ? attemptPlain(call) : attempt(call, 'none');
  }

  /** The usual way, which waits for nothing before it asks. */
  function attemptPlain(call: Call): Promise<Reply> {
    try {
      const streams = wantsStream(call, options.streamUnaryAbove);
      const headers = headersOf(call, streams);
      if (call.operation === 'models' || call.body.length < LONG_BODY) {
        return exchange(call, streams, headers, bodyOf(call, streams));
      }
      const upload = uploadOf(call.body, streams);
      headers.push('content-length', String(upload.bytes));
      return exchange(call, streams, headers, upload);
    } catch (thrown) {
      return Promise.reject(asRelayError(thrown));
    }
  }

  async function attemptCoded(call: Call): Promise<Reply> {
    try {
      return await attempt(call, coding);
    } catch (error) {
      if (!refusesCoding(error)) throw error;
      coding = 'none';
      return attempt(call, 'none');
    }
  }

  async function attempt(call: Call, bodyCoding: RequestCoding): Promise<Reply> {
    const streams = wantsStream(call, options.streamUnaryAbove);
    const headers = headersOf(call, streams);
    let body: Buffer = Buffer.from(bodyOf(call, streams));
    if (bodyCoding !== 'none' && body.length > 0) {
      body = await compress(bodyCoding, body);
      headers.push('content-encoding', bodyCoding);
    }
    if (signingSecret !== undefined) headers.push(...signatureHeaders(signingSecret.reveal(), body, clock.epoch()));
    return exchange(call, streams, headers, body);
  }

  function headersOf(call: Call, streams: boolean): string[] {
    const key = options.apiKey.reveal();
    if (!PRINTABLE.test(key)) {
      const message = 'The API key of the account is empty or damaged. The operator must replace it.';
      throw new RelayError('UPSTREAM_CREDENTIALS', message, { metadata });
    }
    const { betas, apiVersion } = call.options;
    const { traceparent, tracestate } = call.traceContext;
    const headers = ['x-api-key', key, 'anthropic-version', apiVersion, 'user-agent', options.userAgent];
    // Decoding events that are flushed one by one costs five times what reading them plain does.
    headers.push('x-request-id', call.id, 'accept-encoding', streams ? 'identity' : ACCEPTED_CODINGS);
    if (call.operation !== 'models') headers.push('content-type', 'application/json');
    if (betas.length > 0) headers.push('anthropic-beta', betas.join(','));
    if (traceparent !== undefined) headers.push('traceparent', traceparent);
    if (tracestate !== undefined) headers.push('tracestate', tracestate);
    return headers;
  }

  function exchange(call: Call, streams: boolean, headers: string[], body: string | Buffer | Upload): Promise<Reply> {
    const lists = call.operation === 'models';
    const query = lists && call.body !== '' ? `?${call.body}` : '';
    const request: Dispatcher.DispatchOptions = {
      path: `${prefix}${PATHS[call.operation]}${query}`,
      method: lists ? 'GET' : 'POST',
      headers,
      body: lists ? null : body,
      headersTimeout: timeoutMs,
      bodyTimeout: streams ? options.streamIdleMs : timeoutMs,
    };
    return new Promise((resolve, reject) => {
      const answer = new Answer(answers, call, streams, resolve, reject, () => underWay.release());
      const underWay = new Exchange(pool, clock, call, request, answer);
      underWay.begin();
    });
  }

  return { send, close: () => pool.close() };
}

/** `max_tokens: 0` only warms the prompt cache; the API refuses to stream it. */
function wantsStream(call: Call, streamUnaryAbove: number): boolean {
  if (call.operation !== 'messages' || call.maxTokens === 0) return false;
  return call.wantsStream || call.maxTokens > streamUnaryAbove;
}

function bodyOf({ operation, body }: Call, streams: boolean): string {
  if (operation === 'models') return '';
  return streams ? withStream(body) : body;
}

const STREAM_MEMBER = '"stream":true}';

/** `stream` as the last member: the bytes before it stay what they were, as the upstream's prompt cache wants it. */
function withStream(body: string): string {
  const end = body.lastIndexOf('}');
  const separator = body.charAt(end - 1) === '{' ? '' : ',';
  return `${body.slice(0, end)}${separator}${STREAM_MEMBER}`;
}

/** The same of a long body, which has members. */
function uploadOf(body: string, streams: boolean): Upload {
  return streams ? new Upload(body.slice(0, body.lastIndexOf('}')), `,${STREAM_MEMBER}`) : new Upload(body, '');
}

function refusesCoding(error: unknown): boolean {
  if (!(error instanceof RelayError)) return false;
  const { status, code } = error.upstream;
  return status === 415 || code === 'request_body_encoding_unsupported' || code === 'request_body_encoding_invalid';
}
