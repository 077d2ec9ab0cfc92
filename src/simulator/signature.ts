import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const NONCE_BYTES = 32;
const MAC_BYTES = 32;

/** What a signature that came back is worth. */
export type SignatureVerdict = 'genuine' | 'altered' | 'foreign';

/** Strict: Node's decoder skips what is not base64, which would let altered spellings pass. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/**
 * Signs thinking for the organization it is issued to, statelessly: a signature is a nonce, a MAC that binds it to the
 * organization, and a MAC over the text as it was shown. Callers must treat it as an opaque string.
 */
export class ThinkingSigner {
  readonly #secret: Buffer;

  constructor(seed: string) {
    this.#secret = createHash('sha256').update(`claude-relay simulator ${seed}`).digest();
  }

  /** `nonce` is 64 hexadecimal digits, the same for the same request. */
  sign(organization: string, nonce: string, thinking: string): string {
    const bytes = Buffer.from(nonce, 'hex');
    return Buffer.concat([
      bytes,
      this.#mac('issued', organization, bytes, ''),
      this.#mac('shown', organization, bytes, thinking),
    ]).toString('base64');
  }

  verify(organization: string, signature: string, thinking: string): SignatureVerdict {
    const bytes = decode(signature);
    if (bytes?.length !== NONCE_BYTES + 2 * MAC_BYTES) return 'foreign';
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const issued = bytes.subarray(NONCE_BYTES, NONCE_BYTES + MAC_BYTES);
    const shown = bytes.subarray(NONCE_BYTES + MAC_BYTES);
    if (!timingSafeEqual(issued, this.#mac('issued', organization, nonce, ''))) return 'foreign';
    return timingSafeEqual(shown, this.#mac('shown', organization, nonce, thinking)) ? 'genuine' : 'altered';
  }

  /** The `data` of a redacted thinking block. */
  redact(organization: string, nonce: string): string {
    const bytes = Buffer.from(nonce, 'hex');
    return Buffer.concat([bytes, this.#mac('redacted', organization, bytes, '')]).toString('base64');
  }

  issuedRedacted(organization: string, data: string): boolean {
    const bytes = decode(data);
    if (bytes?.length !== NONCE_BYTES + MAC_BYTES) return false;
    const nonce = bytes.subarray(0, NONCE_BYTES);
    return timingSafeEqual(bytes.subarray(NONCE_BYTES), this.#mac('redacted', organization, nonce, ''));
  }

  #mac(purpose: string, organization: string, nonce: Buffer, text: string): Buffer {
    return createHmac('sha256', this.#secret)
      .update(`${purpose}\0${organization}\0`)
      .update(nonce)
      .update(text)
      .digest();
  }
}
