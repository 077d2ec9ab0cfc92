import { status as codes } from '@grpc/grpc-js';
import { RelayError } from '../completion/errors.ts';

/**
 * What grpc-js means by the status with which it ends a call by itself: the deadline, a message beyond its size, an
 * unknown compression; otherwise a request that cannot be unpacked, a grpc-timeout that is none, or a message that
 * could not be written.
 */
export function errorOfGrpc(code: codes, maxRequestBytes: number): RelayError {
  switch (code) {
    case codes.DEADLINE_EXCEEDED:
      return deadlineExceeded();
    case codes.RESOURCE_EXHAUSTED:
      return new RelayError(
        'REQUEST_TOO_LARGE',
        `The request is larger than ${maxRequestBytes} bytes. Send a smaller one, or files by reference.`,
        { metadata: { max_request_bytes: String(maxRequestBytes) } },
      );
    case codes.UNIMPLEMENTED:
      return new RelayError(
        'UNIMPLEMENTED',
        'The request is compressed in a way unknown here. Use gzip, deflate or none.',
      );
    default:
      return new RelayError(
        'INVALID_REQUEST',
        'The call does not follow the gRPC protocol. Check compression and timeout.',
      );
  }
}

/** A method as protobuf and gRPC spell it, and no longer than anybody would name one. */
const METHOD = /^\/[A-Za-z_][\w.]{0,127}\/[A-Za-z_]\w{0,63}$/;

/** Nobody serves the method at this path, which is the caller's own text: it is repeated only where it names a method. */
export function unimplemented(path: string): RelayError {
  const method = METHOD.test(path) ? `The method ${path.slice(1)}` : 'The method that was called';
  return new RelayError(
    'UNIMPLEMENTED',
    `${method} is unknown to this relay; it and its client may be of different versions. Update the older one.`,
  );
}

/** The caller's own deadline was reached. */
export function deadlineExceeded(): RelayError {
  return new RelayError('DEADLINE_EXCEEDED', 'The deadline of the call was reached. Allow more time, or ask for less.');
}
