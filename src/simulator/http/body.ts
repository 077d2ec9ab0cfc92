import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { ApiError, invalidRequest } from '../api-error.ts';
import { decodeBody, type EncodingPolicy } from './encoding.ts';

/** The client went away before its request was complete: nobody is left to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** The size limit's answer comes from the CDN, before the API (reference 4.2). */
function tooLarge(): ApiError {
  return new ApiError(413, 'request_too_large', 'Request exceeds the maximum size', {
    headers: { server: 'cloudflare' },
  });
}

/**
 * Reads a body of at most `limit` bytes. Throws ClientGone, and beyond the limit the API's 413, once all of the body has
 * come and been thrown away: a client that is still writing might never read an answer.
 */
function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else chunks = [];
    });
    request.once('end', () => {
      const [only] = chunks;
      if (length > limit) reject(tooLarge());
      else resolve(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, length));
    });
    const onGone = (): void => {
      if (!request.complete) reject(new ClientGone());
    };
    request.once('error', onGone);
    request.once('close', onGone);
  });
}

const CHARSET = /;\s*charset="?([^";\s]+)/i;

/** Charsets that the API takes (reference 0.2), as Node decodes them. */
const CHARSETS: ReadonlyMap<string, 'utf8' | 'latin1'> = new Map([
  ['utf-8', 'utf8'],
  ['utf8', 'utf8'],
  ['us-ascii', 'utf8'],
  ['iso-8859-1', 'latin1'],
]);

function decodeText(bytes: Buffer, contentType: string | undefined): string {
  const name = CHARSET.exec(contentType ?? '')?.[1] ?? 'utf-8';
  const charset = CHARSETS.get(name.toLowerCase());
  if (charset === undefined)
    throw invalidRequest(`content-type: charset "${name}" is not supported`, 'unsupported_charset');
  if (charset === 'utf8' && !isUtf8(bytes)) throw invalidRequest('The request body is not valid UTF-8.');
  return bytes.toString(charset);
}

/** The text of a request's body, decoded. Throws ApiError and ClientGone. */
export async function readBody(request: IncomingMessage, limit: number, policy: EncodingPolicy): Promise<string> {
  const { headers } = request;
  const bytes = await readBytes(request, limit);
  return decodeText(await decodeBody(bytes, headers['content-encoding'], limit, policy), headers['content-type']);
}

const SURROGATE_ESCAPE = /\\ud[89a-f]/i;

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, field]) => key.isWellFormed() && isWellFormed(field));
}

/** Parses a body as the API does, which refuses half a surrogate pair that JSON itself lets pass. Throws ApiError. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidRequest('The request body is not valid JSON.');
  }
  if (SURROGATE_ESCAPE.test(text) && !isWellFormed(value)) {
    throw invalidRequest('The request body is not valid JSON: no low surrogate in string');
  }
  return value;
}
