import { isUtf8 } from 'node:buffer';
import { RequestViolation } from './violation.ts';

/** A stretch of the bytes that are read: the offset of its first byte, and of the one behind its last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const CUT = 'ends in the middle of a value: it was cut off, or is no protobuf';

/**
 * Reads the Protocol Buffers wire format, https://protobuf.dev/programming-guides/encoding/ . Strict where common
 * runtimes are lenient: invalid UTF-8, numbers that do not fit and values that run past their message are never
 * silently replaced or shortened. Methods throw RequestViolation.
 */
export class WireReader {
  readonly bytes: Buffer;
  /** Where the next value begins. */
  pos = 0;
  /** Nothing is read from here on. */
  end: number;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** A tag or a length. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.byte();
    if (last > 0x0f) throw new RequestViolation('has a tag or a length of more than 32 bits; it is no protobuf');
    return (value | (last << 28)) >>> 0;
  }

  int32(): number {
    const start = this.pos;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    // Large numbers, and negative ones, which take ten bytes.
    this.pos = start;
    const exact = this.int64();
    if (exact !== BigInt.asIntN(32, exact)) throw new RequestViolation(`is ${exact}; it must fit 32 bits`);
    return Number(exact);
  }

  int64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 63n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.byte();
    if (last > 1) throw new RequestViolation('has a number of more than 64 bits; it is no protobuf');
    return BigInt.asIntN(64, value | (BigInt(last) << 63n));
  }

  bool(): boolean {
    return this.int64() !== 0n;
  }

  double(): number {
    return this.bytes.readDoubleLE(this.take(8));
  }

  string(): string {
    const start = this.take(this.uint32());
    const text = this.bytes.toString('utf8', start, this.pos);
    // Bad bytes become U+FFFD, so that only a text with one of these can come from bad bytes.
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(start, this.pos))) {
      throw new RequestViolation('is not valid UTF-8; send text as UTF-8, and other bytes in base64');
    }
    return text;
  }

  /** Passes over a length-delimited value. */
  span(): Span {
    const start = this.take(this.uint32());
    return { start, end: this.pos };
  }

  /** Narrows the reader to the length-delimited value at hand; give what it returns to `leave`. */
  enter(): number {
    const outer = this.end;
    const { start, end } = this.span();
    this.pos = start;
    this.end = end;
    return outer;
  }

  /** Widens the reader again, behind the value that was entered. */
  leave(outer: number): void {
    this.pos = this.end;
    this.end = outer;
  }

  private byte(): number {
    const byte = this.pos < this.end ? this.bytes[this.pos] : undefined;
    if (byte === undefined) throw new RequestViolation(CUT);
    this.pos += 1;
    return byte;
  }

  private take(length: number): number {
    const start = this.pos;
    if (length > this.end - start) throw new RequestViolation(CUT);
    this.pos = start + length;
    return start;
  }
}
