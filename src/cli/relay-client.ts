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

/** A client of RelayService for the command line, from the proto files that the package brings. */
export class RelayClient {
  private readonly client: Client;
  private readonly methods: Readonly<Record<string, Method>>;

  constructor(address: string, credentials: ChannelCredentials) {
    const definition = loadSync('claude/relay/v1/relay_service.proto', {
      includeDirs: [PROTO_ROOT],
      keepCase: true,
      longs: Number,
      enums: String,
    });
    this.methods = methodsOf(definition);
    this.client = new Client(address, credentials, { 'grpc.max_receive_message_length': -1 });
  }

  /** Rejects with a ServiceError. */
  unary(name: string, request: object, metadata: Metadata, deadline: Date): Promise<ProtoObject> {
    const { path, requestSerialize, responseDeserialize } = this.method(name);
    return new Promise((resolve, reject) => {
      const answered = (error: ServiceError | null, response?: ProtoObject): void => {
        if (error !== null) reject(error);
        else resolve(response ?? {});
      };
      const options = { deadline };
      this.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, options, answered);
    });
  }

  /** The stream throws a ServiceError while it is read. */
  stream(name: string, request: object, metadata: Metadata, deadline: Date): ClientReadableStream<ProtoObject> {
    const { path, requestSerialize, responseDeserialize } = this.method(name);
    return this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata, {
      deadline,
    });
  }

  close(): void {
    this.client.close();
  }

  private method(name: string): Method {
    const method = this.methods[name];
    if (method === undefined) throw new Error(`the proto has no method ${name}`);
    return method;
  }
}

function methodsOf(definition: PackageDefinition): Readonly<Record<string, Method>> {
  const service = definition['claude.relay.v1.RelayService'];
  if (service === undefined || 'format' in service) throw new Error('the proto has no RelayService');
  return service as Readonly<Record<string, Method>>;
}
