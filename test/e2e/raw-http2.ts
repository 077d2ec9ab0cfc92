/** HTTP/2 by hand (RFC 9113), for what no library sends. Headers are literals without index or Huffman code (RFC 7541, 6.2.2). */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const FLAG = { NONE: 0, END_STREAM: 1, ACK: 1, END_HEADERS: 4 } as const;

export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A frame as it came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The bytes of one frame. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** How a client begins (RFC 9113, 3.4). */
const GREETING = Buffer.concat([PREFACE, frame(FRAME.SETTINGS, FLAG.NONE, 0)]);

/** An integer of HPACK with a prefix of so many bits (RFC 7541, 5.1). */
export function hpackInteger(value: number, prefixBits: number, first = 0): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([first | value]);
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([hpackInteger(bytes.length, 7), bytes]);
}

/** A header block of literals. */
export function headerBlock(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  const literals = headers.map(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]);
  return Buffer.concat(literals.flat());
}

/** The headers of a gRPC call. */
export function grpcHeaders(path: string, more: Readonly<Record<string, string>> = {}): [string, string][] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'relay.example'],
    ['content-type', 'application/grpc+proto'],
    ['te', 'trailers'],
    ...Object.entries(more),
  ];
}

/** A message with the prefix of gRPC: not compressed, and its length. */
export function grpcMessage(message: Buffer, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(isCompressed ? 1 : 0);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A connection whose frames are written by hand. What the server sends is kept; flow control is the test's affair. */
export class RawConnection {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** Resolves when the server has closed the connection, however it did. */
  readonly closed: Promise<void>;
  #pending = Buffer.alloc(0);
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => undefined); // A reset is one way to be closed.
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** Connects and sends the preface and empty settings, or another greeting; the server's settings are not waited for. */
  static async open(port: number, greeting: Buffer = GREETING): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const connection = new RawConnection(socket);
    connection.write(greeting);
    return connection;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(...frames: readonly Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  /** Begins a call; ends it at once where `end` says so. */
  headers(stream: number, headers: readonly (readonly [string, string])[], end = false): Buffer {
    return frame(FRAME.HEADERS, FLAG.END_HEADERS | (end ? FLAG.END_STREAM : 0), stream, headerBlock(headers));
  }

  /** Resolves with the first frame, come or to come, that satisfies the predicate; rejects if none came before the end. */
  async find(predicate: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(predicate);
      if (found !== undefined) return found;
      if (this.#isClosed) throw new Error('the connection was closed before such a frame came');
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Resolves once the server has answered to everything that was sent before. */
  async roundTrip(): Promise<void> {
    const token = Buffer.from(String(this.frames.length).padStart(8, '0').slice(-8));
    this.write(frame(FRAME.PING, FLAG.NONE, 0, token));
    await this.find(({ type, flags, payload }) => type === FRAME.PING && flags === FLAG.ACK && payload.equals(token));
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= 9) {
      const end = 9 + this.#pending.readUIntBE(0, 3);
      if (this.#pending.length < end) break;
      this.frames.push({
        type: this.#pending.readUInt8(3),
        flags: this.#pending.readUInt8(4),
        stream: this.#pending.readUInt32BE(5) & 0x7fffffff,
        payload: Buffer.from(this.#pending.subarray(9, end)),
      });
      this.#pending = this.#pending.subarray(end);
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** The error code of a GOAWAY or RST_STREAM frame. https://www.rfc-editor.org/rfc/rfc9113#section-7 */
export function errorCode({ type, payload }: Frame): number {
  return payload.readUInt32BE(type === FRAME.GOAWAY ? 4 : 0);
}
