/** An upstream that takes its time and answers with the question, so that whoever gets the answer can tell whose it is. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Upstream {
  readonly url: string;
  /** Requests so far. */
  readonly asked: () => number;
  readonly close: () => void;
}

const USAGE = { input_tokens: 25, output_tokens: 120, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };

export async function startUpstream(latencyMs: number): Promise<Upstream> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const { messages }: { messages: { content: { text: string }[] }[] } = JSON.parse(body);
      const text = messages[0]?.content[0]?.text ?? '';
      const answer = {
        id: `msg_${asked}`,
        type: 'message',
        role: 'assistant',
        model: 'claude-opus-5-5',
        content: [{ type: 'text', text }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: USAGE,
      };
      setTimeout(() => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answer));
      }, latencyMs);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
