import { setLogger } from '@grpc/grpc-js';

/**
 * Takes over what grpc-js logs, for the whole process. By itself it prints to stderr, and with it what callers sent as
 * metadata: values that it cannot read, half of a token for example; and, where its own variable GRPC_TRACE asks for
 * it, the headers of every call.
 */
export function takeOverGrpcLog(warn: (message: string) => void): void {
  const log = (message: unknown): void => warn(withoutMetadata(String(message)));
  setLogger({ error: log, info: log, debug: log });
}

function withoutMetadata(message: string): string {
  return message
    .replace(/(Failed to add metadata entry [^:]*):.*$/s, '$1: it is not printable ASCII')
    .replace(/( received headers) .*$/s, '$1 (withheld)');
}
