const INITIAL_CAPACITY = 16 * 1024;
/** A scratch buffer that a huge answer made grow beyond this is given back. */
const KEPT_CAPACITY = 1024 * 1024;
/** A string of at most this many UTF-16 units takes at most 126 bytes of UTF-8: its length fits one byte. */
const SHORT_STRING = 42;

/** Writes messages into one scratch buffer, reused from message to message. */
export class WireWriter {
  private bytes = Buffer.allocUnsafeSlow(INITIAL_CAPACITY);
  /** Where the next byte goes; set it back to take back what was written since. */
  pos = 0;

  /** Ends the message: a copy of what was written, and the writer is empty again. */
  finish(): Buffer {
    const copy = Buffer.allocUnsafe(this.pos);
    this.bytes.copy(copy, 0, 0, this.pos);
    this.pos = 0;
    if (this.bytes.length > KEPT_CAPACITY) this.bytes = Buffer.allocUnsafeSlow(INITIAL_CAPACITY);
    return copy;
  }

  uint32(value: number): void {
    this.reserve(5);
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.pos++] = rest;
  }

  /** A signed integer of up to 64 bits; takes a number where that is exact. */
  int64(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) return this.uint32(value);
    this.reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.bytes[this.pos++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.pos++] = Number(rest);
  }

  double(value: number): void {
    this.reserve(8);
    this.pos = this.bytes.writeDoubleLE(value, this.pos);
  }

  /** A length and the string's UTF-8. The string must be well-formed. */
  string(value: string): void {
    if (value.length <= SHORT_STRING) {
      this.reserve(1 + 3 * value.length);
      const length = this.bytes.write(value, this.pos + 1, 'utf8');
      this.bytes[this.pos] = length;
      this.pos += 1 + length;
    } else {
      const length = Buffer.byteLength(value);
      this.uint32(length);
      this.reserve(length);
      this.pos += this.bytes.write(value, this.pos, 'utf8');
    }
  }

  /** Appends bytes that are already in wire format. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.pos);
    this.pos += bytes.length;
  }

  /** Begins a nested message; hand the result to `close`. */
  open(): number {
    this.reserve(1);
    this.pos += 1;
    return this.pos;
  }

  /** Ends a nested message: writes its length before it, making room where one byte is not enough. */
  close(start: number): void {
    const length = this.pos - start;
    if (length > 0x7f) {
      const shift = varintSize(length) - 1;
      this.reserve(shift);
      this.bytes.copyWithin(start + shift, start, this.pos);
      this.pos += shift;
    }
    let at = start - 1;
    let rest = length;
    while (rest > 0x7f) {
      this.bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[at] = rest;
  }

  /** A copy of what was written so far. */
  copy(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.pos));
  }

  private reserve(length: number): void {
    if (this.pos + length <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.pos + length));
    this.bytes.copy(grown, 0, 0, this.pos);
    this.bytes = grown;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size += 1;
  return size;
}
