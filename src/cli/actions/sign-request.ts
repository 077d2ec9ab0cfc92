import { readFileSync } from 'node:fs';
import { signer } from '../caller.ts';
import { fromProtoJson } from '../proto-json.ts';
import { loadProto } from '../relay-client.ts';
import type { TokenOptions } from './token.ts';

const STANDARD_INPUT = 0;

/**
 * The metadata of a call with the request, as arguments of grpcurl, and the very bytes that were signed. A signature
 * holds for these bytes alone: another program may serialize the same request otherwise, and must sign what it sends.
 *
 * @throws Error for the user where a flag or a file is wrong
 */
export function signRequest(options: TokenOptions): string {
  const { rpc, request } = options;
  const sign = signer(options);
  if (sign === undefined) throw new Error('--sign needs --tenant and --secret-file.');
  const definition = loadProto();
  const service = definition['claude.relay.v1.RelayService'];
  const method = service === undefined || 'format' in service ? undefined : service[rpc];
  if (method === undefined) throw new Error(`RelayService has no method ${rpc}.`);
  const text = readFileSync(request === '-' ? STANDARD_INPUT : request, 'utf8');
  const { requestSerialize, requestType } = method;
  const bytes = requestSerialize(fromProtoJson(definition, nameOf(requestType.type), text));
  const headers = Object.entries(sign(bytes, new Date())).map(([key, value]) => `-H '${key}: ${value}'`);
  return [
    ...headers,
    `# signed within the last moment, valid for 5 minutes and once; the ${bytes.length} bytes signed:`,
  ]
    .concat(`# ${bytes.toString('base64')}`)
    .join('\n');
}

/** The full name of a message; the proto loader types descriptors as `object`. */
function nameOf(descriptor: object): string {
  return `claude.relay.v1.${'name' in descriptor ? String(descriptor.name) : ''}`;
}
