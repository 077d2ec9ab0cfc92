/** Calls on bare HTTP/2, for what a gRPC client does not do: leave without a word, and not read. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
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
export function sendCall(session: ClientHttp2Session, method: string, frame: Buffer): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/claude.relay.v1.RelayService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined).end(frame);
  return stream;
}
