import { RequestViolation } from './violation.ts';
import type { WireReader } from './wire-reader.ts';
import { WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT } from './wire-types.ts';

/** Passes over a field, tag included, whatever it holds. Returns whether what follows can be read: it is protobuf so far. */
export function passOver(reader: WireReader): boolean {
  try {
    const tag = reader.uint32();
    return tag >>> 3 !== 0 && passOverValue(reader, tag & 7);
  } catch (thrown) {
    if (thrown instanceof RequestViolation) return false;
    throw thrown;
  }
}

/** Returns whether it knows the wire type. */
function passOverValue(reader: WireReader, wireType: number): boolean {
  switch (wireType) {
    case WIRE_VARINT:
      reader.int64();
      return true;
    case WIRE_FIXED64:
      reader.double();
      return true;
    case WIRE_BYTES:
      reader.span();
      return true;
    default:
      return false;
  }
}
