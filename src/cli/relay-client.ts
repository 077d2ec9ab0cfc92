import {
  Client,
  type ClientReadableStream,
  type ChannelCredentials,
  type Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync, type MethodDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { PROTO_ROOT } from '../server/proto-root.ts';

/** A message as the proto loader gives it: proto field names, oneof members set or absent. */
export type ProtoObject = Readonly<Record<string, unknown>>;
type Method = MethodDefinition<object, ProtoObject>;

/** Adds to the metadata of a call what proves who it is from. */
type Prove = (metadata: Metadata, request: Uint8Array) => void;

/** A client of RelayService for the command line, from the proto files that the package brings. */
export class RelayClient {
  private readonly client: Client;
  private readonly methods: Readonly<Record<string, Method>>;
  private readonly prove: Prove;

  /** @param prove sees each request as it is sent; nothing is proven without it */
  constructor(address: string, credentials: ChannelCredentials, prove: Prove = () => undefined) {
    this.methods = methodsOf(loadProto());
    this.prove = prove;
    this.client = new Client(address, credentials, { 'grpc.max_receive_message_length': -1 });
  }

  /** Rejects with a ServiceError. */
  unary(name: string, request: object, metadata: Metadata, deadline: Date): Promise<ProtoObject> {
    const { path, responseDeserialize } = this.method(name);
    const bytes = this.proven(name, request, metadata);
    return new Promise((resolve, reject) => {
      const answered = (error: ServiceError | null, response?: ProtoObject): void => {
        if (error !== null) reject(error);
        else resolve(response ?? {});
      };
      const options = { deadline };
      this.client.makeUnaryRequest(path, asIs, responseDeserialize, bytes, metadata, options, answered);
    });
  }

  /** The stream throws a ServiceError while it is read. */
  stream(name: string, request: object, metadata: Metadata, deadline: Date): ClientReadableStream<ProtoObject> {
    const { path, responseDeserialize } = this.method(name);
    const bytes = this.proven(name, request, metadata);
    return this.client.makeServerStreamRequest(path, asIs, responseDeserialize, bytes, metadata, { deadline });
  }

  close(): void {
    this.client.close();
  }

  /** The request serialized, once: a signature holds for these bytes and no others. */
  private proven(name: string, request: object, metadata: Metadata): Buffer {
    const bytes = this.method(name).requestSerialize(request);
    this.prove(metadata, bytes);
    return bytes;
  }

  private method(name: string): Method {
    const method = this.methods[name];
    if (method === undefined) throw new Error(`the proto has no method ${name}`);
    return method;
  }
}

/** The proto files that the package brings. */
export function loadProto(): PackageDefinition {
  return loadSync('claude/relay/v1/relay_service.proto', {
    includeDirs: [PROTO_ROOT],
    keepCase: true,
    longs: Number,
    enums: String,
  });
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function methodsOf(definition: PackageDefinition): Readonly<Record<string, Method>> {
  const service = definition['claude.relay.v1.RelayService'];
  if (service === undefined || 'format' in service) throw new Error('the proto has no RelayService');
  return service as Readonly<Record<string, Method>>;
}
