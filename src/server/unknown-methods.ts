/**
 * Calls to methods that nobody serves. grpc-js ends them with a bare status before it asks any interceptor: no details, no
 * request id, nothing counted, and whoever goes on sending keeps the stream. It is given a handler for them here, so that
 * they come to the interceptors as all others do.
 */
import type { Server as GrpcServer, ServerMethodDefinition } from '@grpc/grpc-js';

/** Where grpc-js looks handlers up. It has no public way (`test/server/unknown-methods.test.ts` would tell if this one moved). */
const LOOK_UP = '_retrieveHandler';

/** Stands in for all that a method does: its calls are refused before there is anything to do. */
function nothing(): never {
  throw new Error('A method that nobody serves was to be served.');
}

/** Has the interceptors of a server see calls to methods that it does not know; see {@link isUnknown}. */
export function handUnknownMethodsOn(server: GrpcServer): void {
  const lookUp: unknown = Reflect.get(server, LOOK_UP);
  if (typeof lookUp !== 'function') return;
  Reflect.set(
    server,
    LOOK_UP,
    (path: unknown): unknown =>
      Reflect.apply(lookUp, server, [path]) ?? {
        type: 'unary',
        // CONNECT has none (RFC 9113, 8.5).
        path: typeof path === 'string' ? path : '',
        func: nothing,
        serialize: nothing,
        deserialize: nothing,
      },
  );
}

/** Whether what an interceptor is shown is a method that its server does not know. */
export function isUnknown({ requestDeserialize }: ServerMethodDefinition<unknown, unknown>): boolean {
  return requestDeserialize === nothing;
}
