/** Upstreams whose answers a test writes itself, event by event. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { delta, START, STOP, STREAM_HEADERS, sse } from '../providers/upstream.ts';

export const BLOCK: string = sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
export const END: string = `${sse('content_block_stop', { index: 0 })}${sse('message_delta', {
  delta: { stop_reason: 'end_turn', stop_sequence: null },
  usage: { output_tokens: 9 },
})}${STOP}`;

export interface Written extends AsyncDisposable {
  readonly url: string;
  readonly sockets: ReadonlySet<Socket>;
}

/** An upstream that answers as told. */
export async function startUpstream(
  answer: (response: ServerResponse, body: string, request: IncomingMessage) => void,
): Promise<Written> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => answer(response, body, request));
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Begins a stream of one text block. */
export function beginStream(response: ServerResponse): void {
  response.writeHead(200, STREAM_HEADERS);
  response.write(START + BLOCK);
}

/** Writes so many deltas as fast as they are read, and ends the stream. Gives the bytes that were written so far. */
export function pourStream(response: ServerResponse, deltas: number, text: string): { readonly written: number } {
  const poured = { written: 0 };
  const event = delta(text);
  let left = deltas;
  const pour = (): void => {
    while (left > 0 && !response.destroyed) {
      left--;
      poured.written += event.length;
      if (!response.write(event)) {
        response.once('drain', pour);
        return;
      }
    }
    response.end(END);
  };
  beginStream(response);
  pour();
  return poured;
}
