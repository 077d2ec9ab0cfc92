import { isUtf8 } from 'node:buffer';
import type { Call, Operation } from '../completion/call.ts';
import type { Reason, RelayError } from '../completion/errors.ts';
import type { ResponseHead } from '../completion/head.ts';
import type { Reply, Settlement } from '../completion/reply.ts';
import { readUsage } from '../completion/usage.ts';
import { errorEvent, refusal } from './api-error.ts';
import { MISPLACED } from './api-meanings.ts';
import { codingOf, type Coding, DecodingSink } from './content-coding.ts';
import { ErrorEvent, MalformedStream } from './event-reader.ts';
import { EventStream } from './event-stream.ts';
import type { Receiver } from './exchange.ts';
import type { Flow, Sink } from './flow.ts';
import type { Clock } from './provider.ts';
import { headerOf, type RawHeaders, responseHead } from './response-head.ts';
import { transportError, upstreamError } from './transport-error.ts';
import { WholeBody } from './whole-body.ts';

export interface AnswerOptions {
  readonly clock: Clock;
  /** Bound of an answer, decoded, in bytes. */
  readonly maxResponseBytes: number;
  /** How long a stream may wait for somebody to read on, in milliseconds. */
  readonly stallMs: number;
  /** For the errors: which endpoint it was. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Takes the credentials that were sent out of a text, since gateways may quote requests in their errors. */
  readonly conceal: (text: string) => string;
}

/** Media types have no case (RFC 9110, 8.3.1). */
const EVENT_STREAM = /^text\/event-stream\b/i;
/** What proxies write where they do not know: where a stream was asked for, it is one. */
const UNTYPED = /^(?:$|text\/plain\b|application\/octet-stream\b)/i;

/** An error body that tells anything is small. */
const ERROR_BODY_BYTES = 64 * 1024;

/** Makes a Reply, or a RelayError, of what the Messages API answers. Which of the two forms it has, its content type says. */
export class Answer implements Receiver {
  private readonly options: AnswerOptions;
  private readonly call: Call;
  private readonly asksStream: boolean;
  private readonly replied: (reply: Reply) => void;
  private readonly refused: (error: RelayError) => void;
  private readonly settled: () => void;
  private head: ResponseHead | undefined;

  /**
   * @param asksStream whether a stream was asked for
   * @param settled called once, when neither the answer nor the call's abort signal is of interest any more
   */
  constructor(
    options: AnswerOptions,
    call: Call,
    asksStream: boolean,
    replied: (reply: Reply) => void,
    refused: (error: RelayError) => void,
    settled: () => void,
  ) {
    this.options = options;
    this.call = call;
    this.asksStream = asksStream;
    this.replied = replied;
    this.refused = refused;
    this.settled = settled;
  }

  open(status: number, headers: RawHeaders, flow: Flow): Sink | undefined {
    const head = responseHead(status, headers);
    this.head = head;
    const { trace } = this.call;
    trace.upstreamStatus = status;
    trace.upstreamRequestId = head.headers['request-id'] ?? '';
    if (headerOf(headers, 'x-claude-relay-simulator') === 'true') trace.simulated = true;
    const coding = codingOf(headerOf(headers, 'content-encoding'));
    if (status >= 300) return this.errorBody(head, coding === 'unknown' ? undefined : coding, flow);
    if (coding === 'unknown') {
      this.giveUp(
        flow,
        this.error('UPSTREAM_UNAVAILABLE', 'The upstream answered in a content coding that nobody asked for. Retry.'),
      );
      return undefined;
    }
    const type = headerOf(headers, 'content-type');
    const streams = (this.asksStream && UNTYPED.test(type ?? '')) || EVENT_STREAM.test(type ?? '');
    return streams ? this.events(head, coding, flow) : this.message(head, coding, flow);
  }

  fail(error: Error): void {
    this.settled();
    this.refused(transportError(error, this.where(error)));
  }

  private giveUp(flow: Flow, error: RelayError): void {
    flow.stop(error);
    this.fail(error);
  }

  private message(head: ResponseHead, coding: Coding | undefined, flow: Flow): Sink {
    return new WholeBody({
      coding,
      maxBytes: this.options.maxResponseBytes,
      done: (bytes) => {
        const body = isUtf8(bytes) ? bytes.toString().replace(/^\uFEFF/, '') : '';
        const told = toldBy(body, this.call.operation);
        if (typeof told === 'string') {
          this.fail(told === 'error' ? this.errorOf(head, body) : this.error('UPSTREAM_UNAVAILABLE', NO_ANSWER[told]));
          return;
        }
        this.settled();
        this.replied({ kind: 'whole', body, head, settled: { outcome: 'delivered', ...told } });
      },
      tooLarge: () => this.giveUp(flow, this.tooLarge()),
      failed: (error) => this.fail(error),
      cancelled: (reason) => this.giveUp(flow, reason),
    });
  }

  private events(head: ResponseHead, coding: Coding | undefined, flow: Flow): Sink {
    const { promise, resolve } = Promise.withResolvers<Settlement>();
    const decoder = coding === undefined ? undefined : new DecodingSink(coding, flow);
    const events = new EventStream({
      flow: decoder ?? flow,
      maxBytes: this.options.maxResponseBytes,
      stallMs: this.options.stallMs,
      now: this.options.clock.now,
      maxTokens: this.call.maxTokens,
      explain: (cause) => this.interruption(head, cause),
      tooLarge: () => this.tooLarge(),
      settle: (settlement) => {
        this.settled();
        resolve(settlement);
      },
    });
    this.replied({ kind: 'stream', events, head, settled: promise });
    return decoder?.into(events) ?? events;
  }

  /** The status alone says enough where the body does not. */
  private errorBody(head: ResponseHead, coding: Coding | undefined, flow: Flow): Sink {
    const { clock, conceal, metadata } = this.options;
    const refused = (body: string) => refusal(head, conceal(body), clock.epoch(), metadata);
    return new WholeBody({
      coding,
      maxBytes: ERROR_BODY_BYTES,
      done: (body) => this.fail(refused(body.toString())),
      tooLarge: () => this.giveUp(flow, refused('')),
      failed: () => this.fail(refused('')),
      cancelled: (reason) => this.giveUp(flow, reason),
    });
  }

  private interruption(head: ResponseHead, cause: unknown): RelayError {
    if (cause instanceof ErrorEvent) return this.errorOf(head, cause.data);
    if (cause === undefined || cause instanceof MalformedStream) {
      const problem = cause === undefined ? 'ended before it was complete' : 'was damaged';
      return this.error('STREAM_INTERRUPTED', `The upstream answer ${problem}. Retry.`, cause);
    }
    const { message, cause: safe } = transportError(cause, this.where(cause));
    return this.error('STREAM_INTERRUPTED', message, safe);
  }

  /** An error that came with status 200. */
  private errorOf(head: ResponseHead, told: string): RelayError {
    const { clock, conceal, metadata } = this.options;
    return errorEvent(head, conceal(told), clock.epoch(), metadata);
  }

  private tooLarge(): RelayError {
    return this.error('RESPONSE_TOO_LARGE', 'The answer exceeds the size limit. Ask for less with max_tokens.');
  }

  private error(reason: Reason, message: string, cause?: unknown): RelayError {
    return upstreamError(reason, message, this.where(cause));
  }

  private where(cause: unknown) {
    return { metadata: this.options.metadata, cause, ...(this.head !== undefined && { head: this.head }) };
  }
}

/** Why a body with status 200 is none of the API's answers: it holds an error, something else, or no JSON. */
type NoAnswer = 'error' | 'other' | 'damaged';

const NO_ANSWER: Readonly<Record<Exclude<NoAnswer, 'error'>, string>> = {
  other: MISPLACED.message,
  damaged: 'The upstream answered with something that is not JSON. Retry.',
};

/** What each operation's answer always holds. */
const HOLDS: Readonly<Record<Operation, (document: Readonly<Record<string, unknown>>) => boolean>> = {
  messages: ({ content }) => Array.isArray(content),
  count_tokens: ({ input_tokens: tokens }) => typeof tokens === 'number',
  models: ({ data }) => Array.isArray(data),
};

/** What a whole answer tells of itself. */
function toldBy(body: string, operation: Operation): Pick<Settlement, 'usage' | 'stopReason'> | NoAnswer {
  const document = parse(body);
  if (!isObject(document)) return document === undefined ? 'damaged' : 'other';
  if (document['type'] === 'error') return 'error';
  if (!HOLDS[operation](document)) return 'other';
  const { usage, stop_reason: stopReason } = document;
  return typeof stopReason === 'string' ? { usage: readUsage(usage), stopReason } : { usage: readUsage(usage) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The SyntaxError would quote the answer.
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
