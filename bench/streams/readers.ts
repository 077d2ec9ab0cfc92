/** Readers of many streams at once: through the relay, or straight from the upstream. */
import { once } from 'node:events';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { requests } from '../overhead/requests.ts';
import type { Delays } from './stamp.ts';

/** Large enough that no reader ever holds the sender up. */
const WINDOW = 2 ** 24;
const STREAMS_PER_CONNECTION = 250;

/** Opens so many streams; resolves, when all of them have begun, to what closes them. */
export type Open = (port: number, streams: number, delays: Delays) => Promise<() => void>;

/** gRPC calls of the relay. */
export const throughRelay: Open = async (port, streams, delays) => {
  const request = requests(200);
  const sessions = Array.from({ length: Math.ceil(streams / STREAMS_PER_CONNECTION) }, () => {
    const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: WINDOW } });
    session.on('connect', () => session.setLocalWindowSize(WINDOW));
    return session.on('error', () => undefined);
  });
  await inSteps(streams, async (index) => {
    const stream = sessions[index % sessions.length]?.request({
      ':method': 'POST',
      ':path': '/claude.relay.v1.RelayService/CompleteStream',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    if (stream === undefined) throw new Error('no session');
    stream.on('data', (bytes: Buffer) => delays.read(bytes));
    for (const end of ['response', 'trailers']) stream.on(end, refuse);
    stream.end(request());
    await once(stream, 'data');
    stream.on('error', () => undefined);
  });
  return () => {
    for (const session of sessions) session.destroy();
  };
};

/** HTTP requests of the upstream itself. */
export const straight: Open = async (port, streams, delays) => {
  const sockets = Array.from({ length: streams }, () => connect(port, '127.0.0.1').setNoDelay());
  await inSteps(streams, async (index) => {
    const socket = sockets[index];
    if (socket === undefined) throw new Error('no socket');
    const body = '{"model":"claude-opus-5-5","stream":true}';
    socket.on('data', (bytes) => delays.read(bytes));
    socket.write(`POST /v1/messages HTTP/1.1\r\nhost: bench\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await once(socket, 'data');
  });
  return () => {
    for (const socket of sockets) socket.destroy();
  };
};

/** An endless stream has no status. */
function refuse(headers: IncomingHttpHeaders): void {
  if ('grpc-status' in headers) throw new Error(`a stream ended: ${String(headers['grpc-message'])}`);
}

/** Begins a few at a time, so that opening is no storm. */
async function inSteps(count: number, begin: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await begin(next++);
  };
  await Promise.all(Array.from({ length: 50 }, lane));
}
