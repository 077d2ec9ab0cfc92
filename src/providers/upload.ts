import { Readable } from 'node:stream';

/** Characters that are encoded and sent at a time. */
const PIECE = 262_144;

/**
 * A long body, encoded piece by piece as the connection takes it. Given a text undici keeps all of it in UTF-8 until the
 * answer is over, which for a long prompt is half a megabyte for minutes; of this nothing is left once it is sent.
 */
export class Upload extends Readable {
  /** What it comes to in UTF-8, for `content-length`. */
  readonly bytes: number;
  readonly #text: string;
  readonly #end: string;
  #at = 0;

  /** @param end what comes after the text */
  constructor(text: string, end: string) {
    super({ highWaterMark: 1 });
    this.#text = text;
    this.#end = end;
    this.bytes = Buffer.byteLength(text) + Buffer.byteLength(end);
  }

  override _read(): void {
    const text = this.#text;
    const start = this.#at;
    let end = Math.min(start + PIECE, text.length);
    const isLast = end === text.length;
    // Both halves of a surrogate pair are one character of UTF-8.
    if (!isLast && isHighSurrogate(text.charCodeAt(end - 1))) end--;
    this.#at = end;
    this.push(Buffer.from(isLast ? text.slice(start) + this.#end : text.slice(start, end)));
    if (isLast) this.push(null);
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd8_00 && code <= 0xdb_ff;
}
