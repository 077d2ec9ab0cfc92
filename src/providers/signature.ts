import { createHmac } from 'node:crypto';

/**
 * Headers for gateways that ask for signed requests: HMAC-SHA256 (RFC 2104) over the timestamp, a colon and the body
 * exactly as it is sent, compressed where it is; lower-case hex.
 *
 * @param epoch milliseconds since the epoch
 */
export function signatureHeaders(secret: string, body: Buffer, epoch: number): string[] {
  const timestamp = new Date(epoch).toISOString();
  const signature = createHmac('sha256', secret).update(`${timestamp}:`).update(body).digest('hex');
  return ['x-relay-timestamp', timestamp, 'x-relay-signature', signature];
}
