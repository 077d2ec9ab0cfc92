import { setLogger } from '@grpc/grpc-js';

/**
 * Takes over what grpc-js logs, for the whole process. By itself it prints to stderr, and the values of metadata that
 * it cannot read with it: half of a caller's token, for example.
 */
export function takeOverGrpcLog(warn: (message: string) => void): void {
  const log = (message: unknown): void => warn(withoutMetadata(String(message)));
  setLogger({ error: log, info: log, debug: log });
}

function withoutMetadata(message: string): string {
  return message.replace(/^(Failed to add metadata entry [^:]*):.*$/s, '$1: it is not printable ASCII');
}
