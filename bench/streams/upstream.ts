/**
 * The upstream of the stream benchmark: endless answers, each event by itself and at an even pace, the streams spread over
 * the interval. Bare sockets, so that it leaves its core to the readers. Each event carries the time at which it left.
 */
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { stamp, STAMP_LENGTH } from './stamp.ts';

const INTERVAL_MS = Number(process.env['BENCH_INTERVAL_MS'] ?? 50);

const USAGE = '{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}';
const MESSAGE = `{"id":"msg_bench","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":${USAGE}}`;

/** One event as a chunk of HTTP/1.1. */
function chunk(type: string, rest: string): string {
  const event = `event: ${type}\ndata: {"type":"${type}",${rest}}\n\n`;
  return `${event.length.toString(16)}\r\n${event}\r\n`;
}

const HEAD = [
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n',
  chunk('message_start', `"message":${MESSAGE}`),
  chunk('content_block_start', '"index":0,"content_block":{"type":"text","text":""}'),
].join('');
const TEXT = 'jumps over the lazy ';
const DELTA = Buffer.from(
  chunk('content_block_delta', `"index":0,"delta":{"type":"text_delta","text":"${TEXT}${' '.repeat(STAMP_LENGTH)}"}`),
);
const STAMP_AT = DELTA.indexOf(TEXT) + TEXT.length;

/** By the millisecond of the interval in which they are due. */
const slots: Set<Socket>[] = Array.from({ length: INTERVAL_MS }, () => new Set());
let opened = 0;

const server = createServer({ noDelay: true }, (socket) => {
  const slot = slots[opened++ % INTERVAL_MS];
  const close = (): void => void slot?.delete(socket);
  socket.on('error', () => undefined).on('close', close);
  // Whoever closes its half has read enough.
  socket.on('end', () => socket.destroy());
  socket.on('data', (request: Buffer) => {
    if (!request.includes('"stream":true')) return;
    socket.write(HEAD);
    slot?.add(socket);
  });
});

function send(slot: ReadonlySet<Socket>): void {
  for (const socket of slot) {
    const event = Buffer.from(DELTA);
    event.write(stamp(), STAMP_AT, 'latin1');
    socket.write(event);
  }
}

let sent = Math.floor(performance.now());
setInterval(() => {
  for (const now = Math.floor(performance.now()); sent < now; sent++) send(slots[sent % INTERVAL_MS] ?? new Set());
}, 1);
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', 4096, () => process.send?.({ port: (server.address() as AddressInfo).port }));
