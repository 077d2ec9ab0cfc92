/** The messages of the rich error model (https://google.aip.dev/193), as bytes. */
import { type AnyDefinition, loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { PROTO_ROOT } from './proto-root.ts';

const definitions = loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [PROTO_ROOT],
  keepCase: true,
  longs: Number,
  defaults: true,
});

type RpcType = MessageTypeDefinition<object, object>;

function isMessage(definition: AnyDefinition | undefined): definition is RpcType {
  return definition !== undefined && 'serialize' in definition && typeof definition.serialize === 'function';
}

function messageType(name: string): RpcType {
  const definition = definitions[name];
  if (!isMessage(definition)) throw new Error(`${name} is missing from the proto files in ${PROTO_ROOT}`);
  return definition;
}

const STATUS = messageType('google.rpc.Status');
const DETAILS = {
  ErrorInfo: messageType('google.rpc.ErrorInfo'),
  BadRequest: messageType('google.rpc.BadRequest'),
  RetryInfo: messageType('google.rpc.RetryInfo'),
  QuotaFailure: messageType('google.rpc.QuotaFailure'),
} as const;

/** One message of `google.rpc.Status.details`; its fields are spelt as in error_details.proto. */
export interface Detail {
  readonly type: keyof typeof DETAILS;
  readonly value: object;
}

/** Serializes a `google.rpc.Status`. */
export function encodeRpcStatus(code: number, message: string, details: readonly Detail[]): Buffer {
  return STATUS.serialize({
    code,
    message,
    details: details.map(({ type, value }) => ({
      type_url: `type.googleapis.com/google.rpc.${type}`,
      value: DETAILS[type].serialize(value),
    })),
  });
}
