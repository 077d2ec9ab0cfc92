import type { RelayError } from '../completion/errors.ts';

/** Where the bytes of a body go. After `end`, `fail` or `cancel` nothing more comes. */
export interface Sink {
  write(chunk: Buffer): void;
  end(): void;
  /** The connection broke, or what it brought is damaged. */
  fail(error: Error): void;
  /** The call was given up; takes effect before this returns. */
  cancel(reason: RelayError): void;
}

/** What a sink may do to the connection that feeds it. */
export interface Flow {
  pause(): void;
  resume(): void;
  /** Ends the upstream request at once; the sink hears no more of it. */
  stop(reason: Error): void;
}
