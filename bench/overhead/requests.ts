import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

const definition = loadSync('claude/relay/v1/relay_service.proto', {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  keepCase: true,
});

/** Of all requests made, so that none is answered from the relay's cache. */
let count = 0;

/** Makes framed CompleteRequests with a prompt of so many characters, each different from all others. */
export function requests(characters: number): () => Buffer {
  const type = definition['claude.relay.v1.CompleteRequest'];
  if (type === undefined || !('serialize' in type) || typeof type.serialize !== 'function')
    throw new Error('no request type');
  const { serialize } = type;
  const filler = 'Please explain how the tides work, and why there are two of them a day. '.repeat(characters / 70 + 1);
  return () => {
    count += 1;
    const text = `${process.pid}-${count} ${filler}`.slice(0, characters);
    const message: Buffer = serialize({
      model: 'claude-opus-5-5',
      max_tokens: 1024,
      messages: [{ role: 'user', content: [{ text: { text } }] }],
    });
    const frame = Buffer.alloc(5 + message.length);
    frame.writeUInt32BE(message.length, 1);
    message.copy(frame, 5);
    return frame;
  };
}
