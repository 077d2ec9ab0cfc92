/** Times within events, by the clock that all processes of a machine share; and what comes of reading them. */

const MARK = 0x40;
const DIGITS = 16;
/** Characters of a stamp. */
export const STAMP_LENGTH: number = 1 + DIGITS;

/** Microseconds on the machine's monotonic clock. */
function microseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanoseconds / 1e3);
}

/** The time now, as characters that neither JSON nor protobuf changes. */
export function stamp(): string {
  return `@${String(microseconds()).padStart(DIGITS, '0')}`;
}

/** Buckets of 0.05 ms up to a second; what is later is as bad. */
const BUCKET_MS = 0.05;
const BUCKETS = 20_000;

/** How long events took from their stamp to their reader. */
export class Delays {
  count = 0;
  readonly #buckets = new Uint32Array(BUCKETS);
  #isRecording = false;

  record(): void {
    this.#isRecording = true;
  }

  stop(): void {
    this.#isRecording = false;
  }

  /** Takes the stamps out of some bytes that were just read. One cut between two reads is left out. */
  read(bytes: Buffer): void {
    for (let at = bytes.indexOf(MARK); at >= 0 && at + STAMP_LENGTH <= bytes.length; at = bytes.indexOf(MARK, at + 1)) {
      if (!this.#isRecording) continue;
      const sentAt = Number(bytes.toString('latin1', at + 1, at + STAMP_LENGTH));
      const bucket = Math.floor((microseconds() - sentAt) / 1_000 / BUCKET_MS);
      const index = Math.min(Math.max(0, bucket), BUCKETS - 1);
      this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
      this.count++;
    }
  }

  /** Milliseconds, rounded up to the bucket. */
  quantile(q: number): number {
    let seen = 0;
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.#buckets[index] ?? 0;
      if (seen >= q * this.count) return (index + 1) * BUCKET_MS;
    }
    return Number.NaN;
  }
}
