/** The whole relay in this process, over an upstream of the test's own, and a client made from the proto files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CallOptions,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { loadConfig } from '../../src/config/load.ts';
import { type Relay, startRelay } from '../../src/main.ts';
import { PROTO_ROOT } from '../../src/server/proto-root.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** As a client's author would load it. */
export const definition = loadSync('claude/relay/v1/relay_service.proto', {
  includeDirs: [PROTO_ROOT],
  keepCase: true,
  longs: String,
  enums: String,
  oneofs: true,
});

const loaded = loadPackageDefinition(definition) as unknown as {
  claude: { relay: { v1: { RelayService: ServiceClientConstructor } } };
};
const { RelayService } = loaded.claude.relay.v1;

/** What `RelayInfo` tells, as far as tests look. */
export interface Info {
  readonly request_id: string;
  readonly account: string;
  readonly attempts: number;
}

/** A decoded message of the relay: its fields by name. */
export type Fields = Readonly<Record<string, unknown>>;
export type Answer = Fields & { readonly relay?: Info };
export type Event = Fields & { readonly event: string; readonly relay?: Info };

type Rpc = 'Complete' | 'CountTokens' | 'ListModels';

export interface Made {
  readonly metadata?: Metadata;
  readonly options?: CallOptions;
}

/** How a unary call ended. */
export interface Outcome {
  readonly answer?: Answer;
  readonly error?: ServiceError;
}

/** A client on a connection of its own. */
export class Client {
  readonly #stub: InstanceType<ServiceClientConstructor>;

  constructor(address: string, options: ClientOptions = {}) {
    this.#stub = new RelayService(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      ...options,
    });
  }

  /** Begins a unary call; `done` is told how it ended. */
  begin(rpc: Rpc, request: object, done: (outcome: Outcome) => void, made: Made = {}): ClientUnaryCall {
    const { metadata = new Metadata(), options = {} } = made;
    return this.#stub[rpc]?.(request, metadata, options, (error: ServiceError | null, answer?: Answer) =>
      done({ ...(error !== null && { error }), ...(answer !== undefined && { answer }) }),
    );
  }

  /** Makes a unary call; never rejects. */
  ask(rpc: Rpc, request: object, made: Made = {}): Promise<Outcome> {
    return new Promise((resolve) => void this.begin(rpc, request, resolve, made));
  }

  /** Begins a stream, which nobody reads yet. */
  stream(request: object, { metadata = new Metadata(), options = {} }: Made = {}): ClientReadableStream<Event> {
    return this.#stub['CompleteStream']?.(request, metadata, options);
  }

  /** Reads a stream to its end: what came, and the error that it ended with. */
  async readStream(request: object, made: Made = {}): Promise<{ events: Event[]; error?: ServiceError }> {
    return readAll(this.stream(request, made));
  }

  close(): void {
    this.#stub.close();
  }
}

/** Reads a stream to its end. */
export async function readAll(call: ClientReadableStream<Event>): Promise<{ events: Event[]; error?: ServiceError }> {
  const events: Event[] = [];
  try {
    for await (const event of call) events.push(event);
    return { events };
  } catch (error) {
    return { events, error: error as ServiceError };
  }
}

export interface CoreRelay extends AsyncDisposable {
  readonly relay: Relay;
  readonly client: Client;
  readonly connect: (options?: ClientOptions) => Client;
}

/** Settings for one account over an upstream, and whatever else a test says. */
export function settingsFor(baseUrl: string, more: object = {}): object {
  return { accounts: [{ name: 'main', api_key: 'sk-test', regions: [{ name: 'local', base_url: baseUrl }] }], ...more };
}

/** Writes a configuration file; gives its path and how to be rid of it. */
export function writeSettings(settings: object): { readonly path: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'relay-e2e-'));
  const path = join(folder, 'relay.yaml');
  const quiet = { admin: { listen: '127.0.0.1:0' }, routing: { probe: { method: 'off' } } };
  // JSON is YAML.
  writeFileSync(path, JSON.stringify({ ...quiet, server: { listen: '127.0.0.1:0' }, ...settings }));
  return { path, remove: () => rmSync(folder, { recursive: true }) };
}

/** Starts a relay as `serve` does, with settings spelt as in its file. */
export async function startCore(settings: object): Promise<CoreRelay> {
  const { path, remove } = writeSettings(settings);
  const config = loadConfig({ path, env: {} });
  remove();
  const relay = await startRelay(config, createLog({ level: 'silent' }), '0.0.0-test');
  const clients: Client[] = [];
  const connect = (options?: ClientOptions): Client => {
    const client = new Client(relay.address, options);
    clients.push(client);
    return client;
  };
  return {
    relay,
    client: connect(),
    connect,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await relay.drain();
    },
  };
}

/** A request for one user turn; each text is another request. */
export function ask(text: string, more: Fields = {}): Fields {
  return {
    model: 'claude-opus-5-5',
    max_tokens: 64,
    messages: [{ role: 'user', content: [{ text: { text } }] }],
    ...more,
  };
}

/** Metadata of one entry. */
export function metadataOf(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}
