import { RequestViolation } from './violation.ts';
import type { Span, WireReader } from './wire-reader.ts';
import { WIRE_VARINT } from './wire-types.ts';

/** As https://protobuf.dev/reference/protobuf/google.protobuf/#duration allows: about 10,000 years. */
const MAX_SECONDS = 315_576_000_000n;
const MAX_NANOS = 999_999_999;

/** Reads a `google.protobuf.Duration`, given in pieces: a JSON number of milliseconds. Throws RequestViolation. */
export function durationText(reader: WireReader, pieces: readonly Span[]): string {
  let seconds = 0n;
  let nanos = 0;
  for (const { start, end } of pieces) {
    reader.pos = start;
    reader.end = end;
    while (reader.pos < reader.end) {
      const tag = reader.uint32();
      if (tag === ((1 << 3) | WIRE_VARINT)) seconds = reader.int64();
      else if (tag === ((2 << 3) | WIRE_VARINT)) nanos = reader.int32();
      else throw new RequestViolation('is not a google.protobuf.Duration; is the client generated from this proto?');
    }
  }
  const isInRange = -MAX_SECONDS <= seconds && seconds <= MAX_SECONDS && Math.abs(nanos) <= MAX_NANOS;
  const hasOneSign = seconds === 0n || nanos === 0 || seconds > 0n === nanos > 0;
  if (!isInRange || !hasOneSign) throw new RequestViolation('is no valid duration; give seconds and nanos of one sign');
  return String(Number(seconds) * 1000 + nanos / 1e6);
}
