/** Calls on bare HTTP/2, for what a gRPC client does not do: leave without a word, and not read. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { AnyDefinition } from '@grpc/proto-loader';
import { definition } from './core-relay.ts';

/** A `CompleteRequest` as a gRPC message with its length in front. */
export function frameOf(request: object): Buffer {
  const type: AnyDefinition | undefined = definition['claude.relay.v1.CompleteRequest'];
  if (type === undefined || !('serialize' in type) || typeof type.serialize !== 'function') throw new Error('no type');
  const message: Buffer = type.serialize(request);
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  return frame;
}

export function openSession(address: string): ClientHttp2Session {
  // The relay's end of connections that a test breaks is what it looks at, not this one.
  return connect(`http://${address}`).on('error', () => undefined);
}

/** Sends a call and leaves it to the test to read its answer; an open stream that nobody reads stalls. */
export function sendCall(
  session: ClientHttp2Session,
  method: string,
  frame: Buffer,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const stream = session.request({
    ...headers,
    ':method': 'POST',
    ':path': `/claude.relay.v1.RelayService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined).end(frame);
  return stream;
}

/** A listener on the loopback interface that hands each connection to the test. */
export async function startProxy(accept: (socket: Socket) => void): Promise<AsyncDisposable & { address: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
