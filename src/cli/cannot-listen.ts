/**
 * What is in the way of listening, in a sentence without its full stop; undefined where an error is about anything else.
 *
 * @see https://nodejs.org/docs/latest/api/errors.html#common-system-errors
 */
export function cannotListen(thrown: unknown): string | undefined {
  if (!isSystemError(thrown)) return undefined;
  const { code, address, port, hostname } = thrown;
  const where = `${String(address)}:${String(port)}`;
  switch (code) {
    case 'EADDRINUSE':
      return `Something listens on ${where} already`;
    case 'EACCES':
      return `Listening on ${where} is not allowed, as mostly below port 1024`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${String(address ?? hostname)} is no address of this machine`;
    default:
      return undefined;
  }
}

interface SystemErrorFields {
  readonly code: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  readonly hostname?: unknown;
}

function isSystemError(thrown: unknown): thrown is Error & SystemErrorFields {
  return thrown instanceof Error && 'code' in thrown;
}
