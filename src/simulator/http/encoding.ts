import { promisify } from 'node:util';
import {
  type BrotliCompress,
  brotliCompress,
  brotliDecompress,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  createZstdCompress,
  type Deflate,
  deflate,
  type Gzip,
  gunzip,
  gzip,
  inflate,
  type ZstdCompress,
  zstdCompress,
  zstdDecompress,
} from 'node:zlib';
import { ApiError, invalidRequest } from '../api-error.ts';

/** A `content-encoding` that the simulator knows, in both directions. */
export type ContentEncoding = 'gzip' | 'deflate' | 'br' | 'zstd';

type Transform = (bytes: Buffer, limit: number) => Promise<Buffer>;

interface Coding {
  readonly decode: Transform;
  readonly encode: (bytes: Buffer) => Promise<Buffer>;
  /** A stream whose every write is flushed, so that each event leaves at once. */
  readonly stream: () => Gzip | Deflate | BrotliCompress | ZstdCompress;
}

const gunzipBytes = promisify(gunzip);
const inflateBytes = promisify(inflate);
const brotliDecompressBytes = promisify(brotliDecompress);
const zstdDecompressBytes = promisify(zstdDecompress);

/** A fast setting: a CDN does not spend its time on the last per cent either. */
const BROTLI_QUALITY = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const CODINGS: Readonly<Record<ContentEncoding, Coding>> = {
  gzip: {
    decode: (bytes, maxOutputLength) => gunzipBytes(bytes, { maxOutputLength }),
    encode: promisify<Buffer, Buffer>(gzip),
    stream: () => createGzip({ flush: constants.Z_SYNC_FLUSH }),
  },
  deflate: {
    decode: (bytes, maxOutputLength) => inflateBytes(bytes, { maxOutputLength }),
    encode: promisify<Buffer, Buffer>(deflate),
    stream: () => createDeflate({ flush: constants.Z_SYNC_FLUSH }),
  },
  br: {
    decode: (bytes, maxOutputLength) => brotliDecompressBytes(bytes, { maxOutputLength }),
    encode: (bytes) => promisify(brotliCompress)(bytes, BROTLI_QUALITY),
    stream: () => createBrotliCompress({ ...BROTLI_QUALITY, flush: constants.BROTLI_OPERATION_FLUSH }),
  },
  zstd: {
    decode: (bytes, maxOutputLength) => zstdDecompressBytes(bytes, { maxOutputLength }),
    encode: promisify<Buffer, Buffer>(zstdCompress),
    stream: () => createZstdCompress({ flush: constants.ZSTD_e_flush }),
  },
};

function isCoding(name: string): name is ContentEncoding {
  return name in CODINGS;
}

/** Which request codings are taken, and how the others are refused. */
export interface EncodingPolicy {
  readonly accepted: readonly ContentEncoding[];
  readonly unsupportedStatus: 400 | 415;
}

function unsupported(coding: string, { accepted, unsupportedStatus }: EncodingPolicy): ApiError {
  return new ApiError(unsupportedStatus, 'invalid_request_error', `content-encoding: "${coding}" is not supported`, {
    details: { error_code: 'request_body_encoding_unsupported' },
    // RFC 9110, 12.5.3: a 415 names the codings that would have done.
    headers: { 'accept-encoding': accepted.length > 0 ? accepted.join(', ') : 'identity' },
  });
}

function decodingError(error: unknown): ApiError {
  if (error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
    return new ApiError(413, 'invalid_request_error', 'The request body is too large after decoding.', {
      details: { error_code: 'request_body_too_large_after_decoding' },
    });
  }
  return invalidRequest('The request body could not be decoded.', 'request_body_encoding_invalid');
}

/** Undoes `content-encoding`. Throws ApiError for a coding that is not accepted, and for bytes that are not of it. */
export async function decodeBody(
  bytes: Buffer,
  header: string | undefined,
  limit: number,
  policy: EncodingPolicy,
): Promise<Buffer> {
  const coding = (header ?? 'identity').trim().toLowerCase();
  if (coding === 'identity') return bytes;
  if (!isCoding(coding) || !policy.accepted.includes(coding)) throw unsupported(coding, policy);
  try {
    return await CODINGS[coding].decode(bytes, limit);
  } catch (error) {
    throw decodingError(error);
  }
}

const PREFERENCE: readonly ContentEncoding[] = ['br', 'zstd', 'gzip', 'deflate'];

/** The coding for an answer: the best that `accept-encoding` allows (RFC 9110, 12.5.3), or none. */
export function chooseEncoding(header: string | undefined): ContentEncoding | undefined {
  if (header === undefined || header === '' || header === 'identity') return undefined;
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)));
  }
  const others = weights.get('*') ?? 0;
  let best: ContentEncoding | undefined;
  let bestWeight = 0;
  for (const coding of PREFERENCE) {
    const weight = weights.get(coding) ?? others;
    if (weight > bestWeight) [best, bestWeight] = [coding, weight];
  }
  return best;
}

/** A whole body in the coding. */
export function encodeBody(bytes: Buffer, coding: ContentEncoding): Promise<Buffer> {
  return CODINGS[coding].encode(bytes);
}

/** A stream in the coding; what is written to it comes out at once. */
export function createEncoder(coding: ContentEncoding): ReturnType<Coding['stream']> {
  return CODINGS[coding].stream();
}
