import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Secret } from '../../src/completion/secret.ts';
import { type AnthropicOptions, anthropicProvider } from '../../src/providers/anthropic.ts';
import type { Provider } from '../../src/providers/provider.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly socket: Socket;
}

export type Respond = (response: ServerResponse, request: Received) => void;

export interface Upstream {
  readonly url: string;
  readonly received: Received[];
  /** Sockets open at the moment. */
  readonly sockets: ReadonlySet<Socket>;
  /** Sockets ever opened. */
  readonly opened: () => number;
}

export const API_KEY = 'sk-test-0123456789';

/** An upstream on the loopback interface that notes what it is sent, and is gone with the test. */
export async function upstream(test: TestContext, respond: Respond): Promise<Upstream> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, socket } = request;
      const noted = { method, path: url, headers, body: Buffer.concat(chunks), socket };
      received.push(noted);
      respond(response, noted);
    });
  });
  return { received, ...(await listening(test, server)) };
}

/** Any server, listening and followed. */
export async function listening(test: TestContext, server: Server) {
  const sockets = new Set<Socket>();
  let opened = 0;
  server.on('connection', (socket: Socket) => {
    opened++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, sockets, opened: () => opened };
}

/** A provider with ordinary settings for that upstream, closed with the test. */
export function providerFor(test: TestContext, baseUrl: string, differences: Partial<AnthropicOptions> = {}): Provider {
  const provider = anthropicProvider({
    account: 'primary',
    region: 'local',
    baseUrl,
    apiKey: new Secret(API_KEY),
    pool: {
      maxConnections: 100,
      idleTimeoutMs: 90_000,
      tlsHandshakeTimeoutMs: 5_000,
      maxRequestsPerConnection: 50,
      http2: false,
    },
    requestCompression: 'none',
    timeoutMs: 600_000,
    streamIdleMs: 120_000,
    maxResponseBytes: 10 * 1024 * 1024,
    streamUnaryAbove: Infinity,
    userAgent: 'claude-relay/0.0.0',
    clock: { now: () => performance.now(), epoch: () => Date.now() },
    ...differences,
  });
  test.after(() => provider.close());
  return provider;
}

export const JSON_HEADERS = { 'content-type': 'application/json', 'request-id': 'req_test' };
export const STREAM_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'request-id': 'req_test' };

export const MESSAGE = '{"id":"msg_1","type":"message","content":[],"usage":{"input_tokens":3,"output_tokens":5}   }';

/** One server-sent event. */
export function sse(type: string, fields: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

export const START = sse('message_start', { message: { usage: { input_tokens: 7, output_tokens: 1 } } });
export const STOP = sse('message_stop');

export function delta(text: string): string {
  return sse('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
}
