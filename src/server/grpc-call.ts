/**
 * What grpc-js keeps of a call, as the innermost call of its interceptors holds it. Interceptors are given no way to it;
 * each function names the test that would tell if a release moved what it reaches for.
 */
import type { ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

type GrpcCall = ServerInterceptingCallInterface;

/**
 * The HTTP/2 stream of a call; undefined where there is none. Without it nobody can count what arrives before a message
 * is complete, nor end a stream whose sender does not stop (`test/e2e/abuse-slow.test.ts`).
 */
export function http2StreamOf(call: GrpcCall): ServerHttp2Stream | undefined {
  const stream: unknown = Reflect.get(call, 'stream');
  return isObject(stream) && 'close' in stream && 'on' in stream ? (stream as ServerHttp2Stream) : undefined;
}

/**
 * Bounds the messages of a call, in bytes, as they come and decompressed: further ones end it with RESOURCE_EXHAUSTED. The
 * server's own bound is one for all methods (`test/e2e/abuse-size.test.ts`).
 */
export function boundMessages(call: GrpcCall, bytes: number): void {
  Reflect.set(call, 'maxReceiveMessageSize', bytes);
  const decoder: unknown = Reflect.get(call, 'decoder');
  if (isObject(decoder)) Reflect.set(decoder, 'maxReadMessageLength', bytes);
}

/**
 * Lets go of the pieces that a call's last message came in. grpc-js keeps them until the next message or the end, which
 * for a long answer is minutes away (`test/e2e/core-memory.test.ts`).
 */
export function forgetPieces(call: GrpcCall): void {
  const decoder: unknown = Reflect.get(call, 'decoder');
  if (isObject(decoder)) Reflect.set(decoder, 'readPartialMessage', []);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
