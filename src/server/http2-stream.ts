import type { ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/**
 * The HTTP/2 stream of a call, as the innermost call of grpc-js's interceptors holds it. Interceptors are given no way
 * to it, and without it nobody can count what arrives before a message is complete, nor end a stream whose sender does
 * not stop (`test/e2e/abuse-slow.test.ts` would tell if a release of grpc-js moved it). Undefined where there is none.
 */
export function http2StreamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  const stream: unknown = Reflect.get(call, 'stream');
  const isStream = typeof stream === 'object' && stream !== null && 'close' in stream && 'on' in stream;
  return isStream ? (stream as ServerHttp2Stream) : undefined;
}
