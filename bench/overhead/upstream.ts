/**
 * The upstream of the overhead benchmarks: answers at once with canned bytes, so that what is measured is the relay.
 * Streams send each event by itself, as a model does; `x-events` and `x-interval` of the query set how many and how fast.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const TEXT = 'The quick brown fox jumps over the lazy dog, and then it rests for a while under the old oak tree. ';
const USAGE = '{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":120}';
const HEAD = '"id":"msg_bench","type":"message","role":"assistant","model":"claude-opus-5-5"';
const ANSWER = Buffer.from(
  `{${HEAD},"content":[{"type":"text","text":"${TEXT.repeat(6)}"}],"stop_reason":"end_turn","stop_sequence":null,"usage":${USAGE}}`,
);

function frame(type: string, rest: string): Buffer {
  return Buffer.from(`event: ${type}\ndata: {"type":"${type}"${rest}}\n\n`);
}

const START = [
  frame('message_start', `,"message":{${HEAD},"content":[],"stop_reason":null,"stop_sequence":null,"usage":${USAGE}}`),
  frame('content_block_start', ',"index":0,"content_block":{"type":"text","text":""}'),
];
const DELTA = frame('content_block_delta', ',"index":0,"delta":{"type":"text_delta","text":"jumps over the lazy "}');
const END = [
  frame('content_block_stop', ',"index":0'),
  frame('message_delta', `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":${USAGE}`),
  frame('message_stop', ''),
];

/** Events of one stream in all. */
export const STREAM_EVENTS = 100;

function stream(response: ServerResponse, intervalMs: number, deltas: number): void {
  const events = [...START, ...Array.from({ length: deltas }, () => DELTA), ...END];
  let next = 0;
  const send = (): void => {
    const event = events[next++];
    if (event === undefined) return void response.end();
    response.write(event);
    if (intervalMs === 0) setImmediate(send);
    else setTimeout(send, intervalMs);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  send();
}

const intervalMs = Number(process.env['BENCH_INTERVAL_MS'] ?? 0);
const deltas = Number(process.env['BENCH_DELTAS'] ?? STREAM_EVENTS - START.length - END.length);

const server = createServer((request, response) => {
  let last = '';
  request.on('data', (chunk: Buffer) => {
    last = chunk.toString('latin1', Math.max(0, chunk.length - 32));
  });
  request.on('end', () => {
    if (last.endsWith('"stream":true}')) return stream(response, intervalMs, deltas);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length });
    response.end(ANSWER);
  });
});
server.keepAliveTimeout = 60_000;
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', 4096, () => process.send?.({ port: (server.address() as AddressInfo).port }));
