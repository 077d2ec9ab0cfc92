import { promisify } from 'node:util';
import {
  brotliDecompress,
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createZstdDecompress,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import type { RelayError } from '../completion/errors.ts';
import type { Flow, Sink } from './flow.ts';

/** What the relay can decode, as `accept-encoding` says it. */
export const ACCEPTED_CODINGS = 'gzip, br, zstd';

export type Coding = 'gzip' | 'br' | 'zstd';

/** How request bodies may be compressed. */
export type RequestCoding = 'none' | 'gzip' | 'zstd';

/**
 * Up to here a body is (de)compressed on the spot. Going through the thread pool costs some 130 µs of processor time,
 * more than the work itself; above it, the work would hold up the other calls for too long.
 */
const ON_THE_SPOT_BYTES = 64 * 1024;

const CODECS = {
  gzip: { now: gunzipSync, later: promisify(gunzip), stream: createGunzip },
  br: { now: brotliDecompressSync, later: promisify(brotliDecompress), stream: createBrotliDecompress },
  zstd: { now: zstdDecompressSync, later: promisify(zstdDecompress), stream: createZstdDecompress },
} as const;

const ENCODERS = {
  gzip: { now: gzipSync, later: promisify(gzip) },
  zstd: { now: zstdCompressSync, later: promisify(zstdCompress) },
} as const;

/** Reads `content-encoding`: undefined for none, `unknown` for what the relay did not offer to decode. */
export function codingOf(header: string | undefined): Coding | 'unknown' | undefined {
  const coding = header?.trim().toLowerCase();
  if (coding === undefined || coding === '' || coding === 'identity') return undefined;
  if (coding === 'x-gzip') return 'gzip';
  return coding === 'gzip' || coding === 'br' || coding === 'zstd' ? coding : 'unknown';
}

/**
 * @param limit most bytes that may come out, so that a small body cannot unfold into all memory
 * @throws RangeError (`ERR_BUFFER_TOO_LARGE`) over the limit; zlib's errors for damaged data
 */
export async function decompress(coding: Coding, body: Buffer, limit: number): Promise<Buffer> {
  const codec = CODECS[coding];
  const options = { maxOutputLength: limit };
  return body.length <= ON_THE_SPOT_BYTES ? codec.now(body, options) : codec.later(body, options);
}

export async function compress(coding: Exclude<RequestCoding, 'none'>, body: Buffer): Promise<Buffer> {
  const encoder = ENCODERS[coding];
  return body.length <= ON_THE_SPOT_BYTES ? encoder.now(body) : encoder.later(body);
}

/** Decodes a body on its way into a sink, and carries the sink's back-pressure on to the connection. */
export class DecodingSink implements Sink, Flow {
  private readonly transform: ReturnType<(typeof CODECS)[Coding]['stream']>;
  private readonly connection: Flow;
  private sink: Sink | undefined;
  private broken: Error | undefined;

  constructor(coding: Coding, connection: Flow) {
    this.transform = CODECS[coding].stream();
    this.connection = connection;
    this.transform.on('drain', () => connection.resume());
  }

  /** Where the decoded bytes go. Damaged data counts as a broken connection. */
  into(sink: Sink): this {
    this.sink = sink;
    this.transform
      .on('data', (chunk: Buffer) => sink.write(chunk))
      .on('end', () => (this.broken === undefined ? sink.end() : sink.fail(this.broken)))
      .on('error', (error) => {
        this.connection.stop(error);
        sink.fail(this.broken ?? error);
      });
    return this;
  }

  write(chunk: Buffer): void {
    if (!this.transform.write(chunk)) this.connection.pause();
  }

  end(): void {
    this.transform.end();
  }

  /** What came before the break is still decoded and delivered. */
  fail(error: Error): void {
    this.broken = error;
    this.transform.end();
  }

  cancel(reason: RelayError): void {
    this.transform.destroy();
    this.sink?.cancel(reason);
  }

  pause(): void {
    this.transform.pause();
  }

  resume(): void {
    this.transform.resume();
  }

  stop(reason: Error): void {
    this.transform.destroy();
    this.connection.stop(reason);
  }
}
