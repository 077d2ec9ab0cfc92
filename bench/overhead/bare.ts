/**
 * What the relay is measured against: (a) a gRPC server that only answers, and (b) one that forwards by undici, with the
 * proto loader's own (de)serializers and a mapping that knows just the fields of the benchmark. No features.
 */
import {
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createParser } from 'eventsource-parser';
import { Pool } from 'undici';
import { fileURLToPath } from 'node:url';

interface Text {
  readonly text: { readonly text: string };
}
interface Request {
  readonly model: string;
  readonly max_tokens: number;
  readonly messages: readonly { readonly role: string; readonly content: readonly Text[] }[];
}
interface Answer {
  readonly content: readonly { readonly type: string; readonly text: string }[];
}

const ANSWER = {
  message: { id: 'msg', type: 'message', role: 'assistant', content: [{ text: { text: 'x'.repeat(600) } }] },
};

function service() {
  const definition = loadSync('claude/relay/v1/relay_service.proto', {
    includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
    keepCase: true,
    longs: Number,
  });
  const found = definition['claude.relay.v1.RelayService'];
  if (found === undefined || 'format' in found) throw new Error('the proto has no RelayService');
  return found;
}

async function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

const OPTIONS = { 'grpc.max_receive_message_length': 64 * 1024 * 1024 };

/** (a) Answers every unary call with the same message. */
export async function startBareEcho(): Promise<number> {
  const server = new Server(OPTIONS);
  server.addService(service(), {
    Complete: (_call: ServerUnaryCall<Request, object>, done: sendUnaryData<object>) => done(null, ANSWER),
  });
  return listen(server);
}

/** (b) Forwards, over so many connections at most. */
export async function startBareForwarder(upstream: string, connections = 100): Promise<number> {
  const pool = new Pool(upstream, { connections, pipelining: 1 });
  const headers = { 'content-type': 'application/json', 'x-api-key': 'bench', 'anthropic-version': '2023-06-01' };
  const send = (request: Request, stream: boolean) =>
    pool.request({ path: '/v1/messages', method: 'POST', headers, body: JSON.stringify(toJson(request, stream)) });

  const server = new Server(OPTIONS);
  server.addService(service(), {
    Complete: async (call: ServerUnaryCall<Request, object>, done: sendUnaryData<object>) => {
      const { body } = await send(call.request, false);
      const answer = (await body.json()) as Answer;
      done(null, { message: { ...answer, content: answer.content.map(({ text }) => ({ text: { text } })) } });
    },
    CompleteStream: async (call: ServerWritableStream<Request, object>) => {
      const { body } = await send(call.request, true);
      const parser = createParser({
        onEvent: ({ data }) => call.write(toProto(JSON.parse(data) as Record<string, unknown>)),
      });
      const decoder = new TextDecoder();
      for await (const chunk of body) parser.feed(decoder.decode(chunk as Buffer, { stream: true }));
      call.end();
    },
  });
  return listen(server);
}

function toJson({ model, max_tokens, messages }: Request, stream: boolean): object {
  const turns = messages.map(({ role, content }) => ({
    role,
    content: content.map(({ text }) => ({ type: 'text', text: text.text })),
  }));
  return { model, max_tokens, messages: turns, ...(stream ? { stream } : {}) };
}

function toProto(event: Record<string, unknown>): object {
  const { type, ...rest } = event;
  if (type === 'content_block_delta') {
    const { delta, index } = rest as { delta: { text: string }; index: number };
    return { content_block_delta: { index, delta: { text_delta: { text: delta.text } } } };
  }
  if (type === 'content_block_start')
    return { content_block_start: { index: rest['index'], content_block: { text: { text: '' } } } };
  return { [String(type)]: rest };
}
