import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { StreamEvent } from '../completion/reply.ts';
import { mergeUsage, readUsage, type Usage } from '../completion/usage.ts';

/** The stream is not what the API sends: no JSON object, no UTF-8, two beginnings. Holds nothing of its content. */
export class MalformedStream extends Error {
  override readonly name = 'MalformedStream';
}

/** The stream brought an `error` event, after which nothing comes. */
export class ErrorEvent extends Error {
  override readonly name = 'ErrorEvent';
  /** The event's data, as it came. */
  readonly data: string;

  constructor(data: string) {
    super('The stream brought an error event');
    this.data = data;
  }
}

/** The kinds of events, each as one string: those that JSON.parse makes are new ones for each event. */
const KINDS: ReadonlyMap<string, string> = new Map(
  [
    'message_start',
    'content_block_start',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
    'ping',
  ].map((kind) => [kind, kind]),
);

const PING = '{"type":"ping"}';

const CR = 0x0d;
const LF = 0x0a;
const BYTE_ORDER_MARK = '\uFEFF';
const STREAM = { stream: true };

/**
 * Bytes of a Messages stream in, its events out, as the official TypeScript SDK reads them: any line ends, byte-order
 * marks at line starts stripped, events without a name or data ignored, one that no empty line ends dropped.
 * Stricter than the SDK where passing on would hide damage: bytes that are no UTF-8, known events that hold no JSON object
 * and a second `message_start` are errors. Pings are events here; unknown events that hold no object are dropped.
 */
export class EventReader {
  private readonly emit: (event: StreamEvent, payload: Readonly<Record<string, unknown>>) => void;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private readonly parser = createParser({ onEvent: (message) => this.read(message) });
  private last = LF;
  private started = false;
  private stopped = false;
  private counted: Usage = {};
  private reason: string | undefined;

  /** @param emit called from within `feed` and `end`, with the event's data as text and parsed */
  constructor(emit: (event: StreamEvent, payload: Readonly<Record<string, unknown>>) => void) {
    this.emit = emit;
  }

  /** Whether `message_stop` has come; what follows it is not read. */
  get complete(): boolean {
    return this.stopped;
  }

  /** The counters told so far. */
  get usage(): Usage {
    return this.counted;
  }

  /** The `stop_reason`, once it was told. */
  get stopReason(): string | undefined {
    return this.reason;
  }

  /** Not to be called again after it has thrown. Throws MalformedStream or ErrorEvent. */
  feed(chunk: Uint8Array): void {
    this.parse(this.decode(chunk, STREAM));
  }

  /** No bytes follow. Throws MalformedStream or ErrorEvent. */
  end(): void {
    this.parse(this.decode());
    // The parser holds back a last CR, which may be half of a CRLF.
    if (this.last === CR) this.parser.feed('\n');
  }

  private decode(chunk?: Uint8Array, options?: { stream: boolean }): string {
    try {
      return this.decoder.decode(chunk, options);
    } catch {
      throw new MalformedStream('The stream is not UTF-8');
    }
  }

  private parse(text: string): void {
    if (text === '') return;
    const lines = text.includes(BYTE_ORDER_MARK) ? withoutMarks(text, this.last) : text;
    this.last = text.charCodeAt(text.length - 1);
    this.parser.feed(lines);
  }

  private read({ event: name, data }: EventSourceMessage): void {
    if (this.stopped || name === undefined || data === '') return;
    const payload = parseObject(data);
    const told = payload?.['type'];
    const type = typeof told === 'string' ? told : name;
    if (type === 'error' || name === 'error') throw new ErrorEvent(data);
    if (payload === undefined) {
      this.readOther(type);
      return;
    }
    if (type === 'message_start') this.start(payload);
    else if (type === 'message_delta') this.update(payload);
    else if (type === 'message_stop') this.stopped = true;
    this.emit({ type: KINDS.get(type) ?? type, data }, payload);
  }

  /** Data that is no JSON object. New kinds of events are to be borne (Messages API, Streaming: Other events), whatever they hold. */
  private readOther(type: string): void {
    if (type === 'ping') this.emit({ type, data: PING }, {});
    else if (KINDS.has(type)) throw new MalformedStream('An event holds no JSON object');
  }

  private start({ message }: Record<string, unknown>): void {
    if (this.started) throw new MalformedStream('The stream began twice');
    this.started = true;
    if (isObject(message)) this.counted = readUsage(message['usage']);
  }

  private update({ delta, usage }: Record<string, unknown>): void {
    this.counted = mergeUsage(this.counted, readUsage(usage));
    const reason = isObject(delta) ? delta['stop_reason'] : undefined;
    if (typeof reason === 'string') this.reason = reason;
  }
}

function withoutMarks(text: string, last: number): string {
  const start = (last === LF || last === CR) && text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  return text.slice(start).replace(/([\r\n])\uFEFF/g, '$1');
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && !Array.isArray(value) ? value : undefined;
  } catch {
    // The SyntaxError would quote the text.
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
