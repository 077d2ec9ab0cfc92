/**
 * A gRPC load generator on bare HTTP/2: cheaper than a gRPC client, so that it is not what limits the measurement.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

export interface LoadResult {
  readonly calls: number;
  readonly failures: number;
  readonly messages: number;
  readonly seconds: number;
  /** Milliseconds, sorted. */
  readonly latencies: Float64Array;
}

/** Runs calls in `width` lanes over `connections` connections until `durationMs` is over. */
export async function load(
  port: number,
  method: string,
  request: () => Buffer,
  { width, durationMs, connections = 4 }: { width: number; durationMs: number; connections?: number },
): Promise<LoadResult> {
  const sessions = Array.from({ length: connections }, () => connect(`http://127.0.0.1:${port}`));
  const latencies: number[] = [];
  let failures = 0;
  let messages = 0;
  const startedAt = performance.now();
  const lane = async (session: ClientHttp2Session): Promise<void> => {
    while (performance.now() - startedAt < durationMs) {
      const calledAt = performance.now();
      const result = await call(session, method, request());
      latencies.push(performance.now() - calledAt);
      messages += result.messages;
      if (!result.ok) failures += 1;
    }
  };
  await Promise.all(
    Array.from({ length: width }, (_, index) =>
      lane(sessions[index % connections] ?? connect(`http://127.0.0.1:${port}`)),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  for (const session of sessions) session.close();
  return { calls: latencies.length, failures, messages, seconds, latencies: Float64Array.from(latencies).sort() };
}

function call(session: ClientHttp2Session, method: string, frame: Buffer): Promise<{ ok: boolean; messages: number }> {
  return new Promise((resolve) => {
    const stream: ClientHttp2Stream = session.request({
      ':method': 'POST',
      ':path': `/claude.relay.v1.RelayService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const counter = new MessageCounter();
    let status: unknown;
    stream.on('data', (chunk: Buffer) => counter.feed(chunk));
    stream.on('response', (headers) => (status = headers['grpc-status']));
    stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
    stream.on('error', () => undefined);
    stream.on('close', () => resolve({ ok: status === '0', messages: counter.messages }));
    stream.end(frame);
  });
}

/** Counts length-prefixed messages, however they are cut. */
class MessageCounter {
  messages = 0;
  private header: number[] = [];
  private rest = 0;

  feed(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.rest > 0) {
        const step = Math.min(this.rest, chunk.length - at);
        this.rest -= step;
        at += step;
        if (this.rest === 0) this.messages += 1;
        continue;
      }
      this.header.push(chunk[at++] ?? 0);
      if (this.header.length < 5) continue;
      this.rest = Buffer.from(this.header).readUInt32BE(1);
      this.header = [];
      if (this.rest === 0) this.messages += 1;
    }
  }
}

/** A quantile of sorted values. */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
