/** Unary calls over bare HTTP/2: cheaper than a gRPC client, so that the relay gets the time. */
import { connect } from 'node:http2';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

const definition = loadSync('claude/relay/v1/relay_service.proto', {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  keepCase: true,
  enums: String,
});

/** What a call was answered with. */
export interface Answered {
  /** `CacheStatus` without its prefix; empty where the call failed. */
  readonly status: string;
  readonly text: string;
}

interface Response {
  readonly message?: { readonly content?: readonly { readonly text?: { readonly text?: string } }[] };
  readonly relay?: { readonly cache_status?: string };
}

const PREFIX_BYTES = 5;
const CONNECTIONS = 4;

/** The proto loader's own functions for a message. */
function messageType(name: string) {
  const type = definition[`claude.relay.v1.${name}`];
  if (type === undefined || !('serialize' in type)) throw new Error(`the proto has no ${name}`);
  const { serialize, deserialize } = type;
  if (typeof serialize !== 'function' || typeof deserialize !== 'function') throw new Error(`${name} is no message`);
  return { serialize, deserialize };
}

/** Calls a relay; the answer to a text, never rejecting. */
export function caller(port: number) {
  const sessions = Array.from({ length: CONNECTIONS }, () => connect(`http://127.0.0.1:${port}`));
  const request = messageType('CompleteRequest');
  const response = messageType('CompleteResponse');
  let next = 0;

  function framed(text: string): Buffer {
    const message = request.serialize({
      model: 'claude-opus-5-5',
      max_tokens: 1024,
      messages: [{ role: 'user', content: [{ text: { text } }] }],
    });
    const frame = Buffer.alloc(PREFIX_BYTES + message.length);
    frame.writeUInt32BE(message.length, 1);
    message.copy(frame, PREFIX_BYTES);
    return frame;
  }

  function ask(text: string): Promise<Answered> {
    return new Promise((resolve) => {
      const session = sessions[next++ % CONNECTIONS];
      const stream = session?.request({
        ':method': 'POST',
        ':path': '/claude.relay.v1.RelayService/Complete',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const chunks: Buffer[] = [];
      stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream?.on('error', () => undefined);
      stream?.on('close', () => resolve(read(Buffer.concat(chunks))));
      stream?.end(framed(text));
    });
  }

  function read(frame: Buffer): Answered {
    if (frame.length <= PREFIX_BYTES) return { status: '', text: '' };
    const { message, relay } = response.deserialize(frame.subarray(PREFIX_BYTES)) as Response;
    const status = relay?.cache_status?.replace('CACHE_STATUS_', '') ?? '';
    return { status, text: message?.content?.[0]?.text?.text ?? '' };
  }

  return {
    ask,
    close: (): void => {
      for (const session of sessions) session.close();
    },
  };
}
