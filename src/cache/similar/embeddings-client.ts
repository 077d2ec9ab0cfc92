/**
 * A client of the OpenAI embeddings protocol (`POST /v1/embeddings`), which many servers speak.
 * https://platform.openai.com/docs/api-reference/embeddings
 */
import { request, type Dispatcher } from 'undici';

export interface EmbeddingsClientOptions {
  /** Without a trailing `/v1`, e.g. `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  readonly model: string;
  /** Sent as a bearer token; absent: none is sent. */
  readonly apiKey?: string;
  /** Milliseconds for the whole exchange. */
  readonly timeout: number;
  /** Bytes of an answer read at most. */
  readonly maxResponseBytes: number;
  /** The connection pool; absent: undici's own. */
  readonly dispatcher?: Dispatcher;
}

/** The server could not be reached, was too slow, or hung up. */
export class EmbeddingsUnavailable extends Error {
  override readonly name = 'EmbeddingsUnavailable';
}

/** The server answered with an error status. */
export class EmbeddingsRefused extends Error {
  override readonly name = 'EmbeddingsRefused';
  readonly status: number;

  constructor(status: number) {
    super(`the embeddings server answered ${status}`);
    this.status = status;
  }
}

/** The server's answer was not what the protocol promises. */
export class EmbeddingsMalformed extends Error {
  override readonly name = 'EmbeddingsMalformed';
}

/** One vector per text, in the order of the texts. */
export type Embed = (texts: readonly string[], signal: AbortSignal) => Promise<Float32Array[]>;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new EmbeddingsMalformed('the answer is not JSON', { cause });
  }
}

/** Reads `data[].embedding` by `data[].index`, for the protocol does not promise an order. */
function readVectors(answer: unknown, count: number): Float32Array[] {
  const data: unknown = isRecord(answer) ? answer['data'] : undefined;
  if (!Array.isArray(data) || data.length !== count) throw new EmbeddingsMalformed(`expected ${count} embeddings`);
  const vectors = new Map<number, Float32Array>();
  for (const item of data as readonly unknown[]) {
    const index: unknown = isRecord(item) ? item['index'] : undefined;
    const embedding: unknown = isRecord(item) ? item['embedding'] : undefined;
    if (typeof index !== 'number' || !Array.isArray(embedding) || embedding.length === 0) {
      throw new EmbeddingsMalformed('an embedding lacks its index or its numbers');
    }
    if (!embedding.every((value) => typeof value === 'number' && Number.isFinite(value))) {
      throw new EmbeddingsMalformed('an embedding holds something else than numbers');
    }
    vectors.set(index, Float32Array.from(embedding as number[]));
  }
  return Array.from({ length: count }, (_, index) => {
    const vector = vectors.get(index);
    if (vector === undefined) throw new EmbeddingsMalformed(`embedding ${index} is missing`);
    return vector;
  });
}

async function readBody(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > limit) throw new EmbeddingsMalformed(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Makes the function that embeds texts. It rejects with EmbeddingsUnavailable, EmbeddingsRefused or EmbeddingsMalformed,
 * or with the signal's reason where the caller gave up; no error holds a text or the key.
 */
export function createEmbeddingsClient(options: EmbeddingsClientOptions): Embed {
  const url = `${options.baseUrl.replace(/\/+$/, '')}/v1/embeddings`;
  const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json' };
  if (options.apiKey !== undefined) headers['authorization'] = `Bearer ${options.apiKey}`;

  return async (texts, signal) => {
    if (texts.length === 0) return [];
    signal.throwIfAborted();
    const linked = AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]);
    let text: string;
    try {
      const response = await request(url, {
        method: 'POST',
        headers,
        body: JSON.stringify({ model: options.model, input: texts, encoding_format: 'float' }),
        signal: linked,
        ...(options.dispatcher && { dispatcher: options.dispatcher }),
      });
      if (response.statusCode !== 200) {
        await response.body.dump();
        throw new EmbeddingsRefused(response.statusCode);
      }
      text = await readBody(response.body, options.maxResponseBytes);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof EmbeddingsRefused || cause instanceof EmbeddingsMalformed) throw cause;
      throw new EmbeddingsUnavailable('the embeddings server could not be reached in time', { cause });
    }
    return readVectors(parse(text), texts.length);
  };
}
