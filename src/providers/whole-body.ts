import type { RelayError } from '../completion/errors.ts';
import { type Coding, decompress } from './content-coding.ts';
import type { Sink } from './flow.ts';

export interface WholeBodyOptions {
  /** How the bytes are compressed; undefined where they are not. */
  readonly coding: Coding | undefined;
  /** Most bytes, as they come and decoded. */
  readonly maxBytes: number;
  /** The whole body, decoded. */
  readonly done: (body: Buffer) => void;
  /** It is over the limit; the connection has to be stopped. */
  readonly tooLarge: () => void;
  /** It broke, or is damaged. */
  readonly failed: (error: Error) => void;
  readonly cancelled: (reason: RelayError) => void;
}

/** Gathers a body, bounded, and hands it on in one piece. Calls one of its outcomes, once. */
export class WholeBody implements Sink {
  private readonly options: WholeBodyOptions;
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private over = false;

  constructor(options: WholeBodyOptions) {
    this.options = options;
  }

  write(chunk: Buffer): void {
    if (this.over) return;
    this.size += chunk.length;
    this.chunks.push(chunk);
    if (this.size > this.options.maxBytes) this.finish(this.options.tooLarge);
  }

  end(): void {
    if (this.over) return;
    const [first, ...rest] = this.chunks;
    const body =
      first === undefined ? Buffer.alloc(0) : rest.length === 0 ? first : Buffer.concat(this.chunks, this.size);
    const { coding, maxBytes } = this.options;
    if (coding === undefined) this.take(body);
    else
      decompress(coding, body, maxBytes).then(
        (decoded) => this.take(decoded),
        (error: Error) =>
          this.finish(error instanceof RangeError ? this.options.tooLarge : () => this.options.failed(error)),
      );
  }

  fail(error: Error): void {
    this.finish(() => this.options.failed(error));
  }

  cancel(reason: RelayError): void {
    this.finish(() => this.options.cancelled(reason));
  }

  private take(body: Buffer): void {
    this.finish(() => this.options.done(body));
  }

  private finish(outcome: () => void): void {
    if (this.over) return;
    this.over = true;
    this.chunks.length = 0;
    outcome();
  }
}
