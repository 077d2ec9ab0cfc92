import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';

/** A signature is accepted this long before and after the time it names, in milliseconds. */
export const SIGNATURE_WINDOW_MS = 5 * 60_000;

const LOWER_HEX = /^[0-9a-f]{64}$/;
const NO_DIGEST = Buffer.alloc(32);

/** HMAC-SHA256 (RFC 2104) over the timestamp as sent, a colon, and the serialized request message as received. */
export function sign(key: KeyObject, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${timestamp}:`).update(body).digest();
}

/**
 * Whether `signature` is the lower-case hex of what the key gives. One spelling only: two spellings of one signature
 * would be two for the memory of what was accepted. The work is the same whatever was presented.
 */
export function verifies(key: KeyObject, timestamp: string, body: Uint8Array, signature: string): boolean {
  const wellFormed = LOWER_HEX.test(signature);
  const presented = wellFormed ? Buffer.from(signature, 'hex') : NO_DIGEST;
  return timingSafeEqual(sign(key, timestamp, body), presented) && wellFormed;
}
