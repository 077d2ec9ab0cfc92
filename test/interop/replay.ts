/** Somebody on the way, who sends each captured call a second time. */
import {
  Client,
  credentials,
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
} from '@grpc/grpc-js';

const PATH = '/claude.relay.v1.RelayService/Complete';
const TIMEOUT_MS = 30_000;

export interface Replayer extends AsyncDisposable {
  readonly address: string;
  /** What became of each second sending. */
  readonly outcomes: readonly (ServiceError | null)[];
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** Passes Complete on to a relay, bytes and metadata unchanged, answers, and sends it once more. */
export async function startReplayer(relay: string): Promise<Replayer> {
  const client = new Client(relay, credentials.createInsecure());
  const outcomes: (ServiceError | null)[] = [];
  const send = (
    body: Buffer,
    metadata: Metadata,
    done: (error: ServiceError | null, response?: Buffer) => void,
  ): void => {
    client.makeUnaryRequest(PATH, asIs, asIs, body, metadata, { deadline: Date.now() + TIMEOUT_MS }, done);
  };
  const complete: handleUnaryCall<Buffer, Buffer> = ({ request, metadata }, respond) => {
    send(request, metadata, (error, response) => {
      send(request, metadata, (second) => {
        outcomes.push(second);
        respond(error, response);
      });
    });
  };
  const server = new Server();
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  server.addService(
    { Complete: { path: PATH, requestStream: false, responseStream: false, ...codec } },
    { Complete: complete },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    outcomes,
    async [Symbol.asyncDispose]() {
      client.close();
      await new Promise<void>((resolve) => {
        server.tryShutdown(() => resolve());
      });
    },
  };
}
