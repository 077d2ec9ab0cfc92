/** Wire types that the relay's messages use, https://protobuf.dev/programming-guides/encoding/#structure */
export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
