/** A relay in this process that knows its callers, before a simulated upstream that remembers what reached it. */
import { createHash, createHmac, createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
  status as codes,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { loadProto, type ProtoObject } from '../../src/cli/relay-client.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type Relay, startRelay } from '../../src/main.ts';
import { defaultSimulatorOptions, type SimulatorOptions } from '../../src/simulator/options.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { createLog, type LogLevel } from '../../src/telemetry/log.ts';
import { type ErrorInfo, errorInfo } from '../server/support.ts';

export const MODEL = 'claude-opus-5-5';

/** A tenant that proves itself by token and by signature, spelt as in the settings. */
export function tenant(name: string, more: object = {}): object {
  return { name, token_sha256: sha256(tokenOf(name)), hmac_secret: secretOf(name), ...more };
}

export function tokenOf(tenant: string): string {
  return `token-of-${tenant}`;
}

export function secretOf(tenant: string): string {
  return `secret-of-${tenant}`;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A file of `test/e2e/tls`. */
export function pemPath(name: string): string {
  return fileURLToPath(new URL(`./tls/${name}`, import.meta.url));
}

export function pem(name: string): Buffer {
  return readFileSync(pemPath(name));
}

/** Channel credentials of a client that trusts `ca`, with a certificate where it has one. */
export function tlsClient(name?: string, ca = 'ca.pem'): ChannelCredentials {
  if (name === undefined) return credentials.createSsl(pem(ca));
  return credentials.createSsl(pem(ca), pem(`${name}.key`), pem(`${name}.pem`));
}

export interface SecuredRelay extends AsyncDisposable {
  readonly relay: Relay;
  readonly port: number;
  readonly simulator: Simulator;
  /** Folder of the settings, from where the paths in them count. */
  readonly folder: string;
  /** The log as it was written. */
  readonly log: () => string;
  /** A client with connections of its own, closed with the relay. */
  readonly connect: (channel?: ChannelCredentials, options?: ClientOptions) => Client;
  /** Writes these settings (over the fixed ones) and has the relay take them over. */
  readonly reload: (settings: object) => Promise<void>;
  /** Requests for a message that reached the upstream. */
  readonly upstreamCalls: () => number;
  /** Status and text of a page of the admin listener. */
  readonly admin: (path: string, headers?: Record<string, string>) => Promise<{ status: number; text: string }>;
}

export interface SecuredOptions {
  /** Settings as in the file, over those that keep a test quiet; sections replace one another as wholes. */
  readonly settings?: object;
  /** More of the one account before the simulated upstream. */
  readonly account?: object;
  readonly simulator?: Partial<SimulatorOptions>;
  readonly logLevel?: LogLevel;
}

const SERVER = { listen: '127.0.0.1:0', drain_timeout: '1s' };

/** The settings of the `server` section, with what keeps a test quiet. */
export function server(more: object = {}): object {
  return { server: { ...SERVER, ...more } };
}

/** TLS by the certificates of this folder; mTLS where `clients` is so. */
export function tls({ clients = false } = {}): object {
  return {
    cert_file: pemPath('server.pem'),
    key_file: pemPath('server.key'),
    ...(clients ? { client_ca_file: pemPath('ca.pem') } : {}),
  };
}

export async function startSecured(options: SecuredOptions = {}): Promise<SecuredRelay> {
  const simulator = await startSimulator({
    ...defaultSimulatorOptions,
    closeGrace: 0,
    outputTokens: { from: 8, to: 8 },
    recordCapacity: 100_000,
    ...options.simulator,
  });
  const folder = await mkdtemp(join(tmpdir(), 'relay-secured-'));
  const config = async (settings: object) => {
    const path = join(folder, 'relay.yaml');
    const fixed = {
      server: SERVER,
      admin: { listen: '127.0.0.1:0' },
      cache: { mode: 'off' },
      routing: { probe: { method: 'off' } },
      accounts: [
        {
          name: 'primary',
          api_key: 'sk-upstream',
          regions: [{ name: 'us', base_url: simulator.url }],
          ...options.account,
        },
      ],
      tenants: [tenant('search-team'), tenant('ads-team')],
    };
    // JSON is YAML.
    await writeFile(path, JSON.stringify({ ...fixed, ...settings }));
    return loadConfig({ path, env: {} });
  };
  const lines: string[] = [];
  const output = { write: (line: string) => void lines.push(line), flush: () => undefined };
  const log = createLog({ level: options.logLevel ?? 'info', output });
  const relay = await startRelay(await config(options.settings ?? {}), log, '0.0.0-test');
  const port = Number(relay.address.split(':').at(-1));
  const clients: Client[] = [];
  return {
    relay,
    port,
    simulator,
    folder,
    log: () => lines.join(''),
    connect(channel = credentials.createInsecure(), more = {}) {
      const client = new Client(relay.address, channel, { 'grpc.use_local_subchannel_pool': 1, ...more });
      clients.push(client);
      return client;
    },
    reload: async (settings) => void (await relay.reload(await config(settings))),
    upstreamCalls: () => simulator.requests().filter(({ endpoint }) => endpoint === 'messages').length,
    admin: async (path, headers = {}) => {
      const response = await fetch(`http://${relay.adminAddress}${path}`, { headers });
      return { status: response.status, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await relay.drain();
      await simulator.close();
      await rm(folder, { recursive: true });
    },
  };
}

type Rpc = 'Complete' | 'CompleteStream' | 'CountTokens' | 'ListModels';
const METHODS = loadProto()['claude.relay.v1.RelayService'] as unknown as Readonly<
  Record<Rpc, MethodDefinition<object, ProtoObject>>
>;

let questions = 0;

/** A request of one turn that was never asked before, serialized. */
export function ask(fields: object = {}, rpc: Rpc = 'Complete'): Buffer {
  const content = [{ text: { text: `question ${++questions}` } }];
  return METHODS[rpc].requestSerialize({
    model: MODEL,
    max_tokens: 8,
    messages: [{ role: 'user', content }],
    ...fields,
  });
}

/** How a call ended. */
export interface Outcome {
  /** gRPC code name. */
  readonly status: string;
  /** Of an error; with an empty reason, and nothing else, where the relay did not make it. */
  readonly info: Partial<ErrorInfo>;
  readonly message: string;
  readonly error: ServiceError | undefined;
  readonly answer: ProtoObject | undefined;
}

export interface CallOptions {
  readonly rpc?: Exclude<Rpc, 'CompleteStream'>;
  /** Milliseconds. */
  readonly deadline?: number;
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** One unary call with metadata, text or several texts by key; never rejects. */
export function call(
  client: Client,
  proof: Readonly<Record<string, string | readonly string[]>>,
  request: Buffer = ask(),
  { rpc = 'Complete', deadline = 10_000 }: CallOptions = {},
): Promise<Outcome> {
  const { path, responseDeserialize } = METHODS[rpc];
  const metadata = new Metadata();
  for (const [key, values] of Object.entries(proof)) for (const value of [values].flat()) metadata.add(key, value);
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + deadline };
    client.makeUnaryRequest(path, asIs, responseDeserialize, request, metadata, options, (error, answer) => {
      resolve(error === null ? { ...OK, answer } : failure(error));
    });
  });
}

const OK = { status: 'OK', info: {}, message: '', error: undefined };

function failure(error: ServiceError): Outcome {
  const info = error.metadata.get('grpc-status-details-bin').length === 0 ? {} : errorInfo(error);
  return { status: codes[error.code] ?? '', info, message: error.details, error, answer: undefined };
}

/** `UNAUTHENTICATED SIGNATURE_STALE`, or `OK`. */
export function verdict({ status, info }: Outcome): string {
  return info.reason === undefined ? status : `${status} ${info.reason}`;
}

/** Metadata of a bearer token. */
export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** Metadata of a signed call, now unless said otherwise. */
export function signed(tenantName: string, request: Buffer, at = new Date(), secret = secretOf(tenantName)) {
  const timestamp = at.toISOString();
  const key = createSecretKey(secret, 'utf8');
  const signature = createHmac('sha256', key).update(`${timestamp}:`).update(request).digest('hex');
  return { 'x-relay-tenant': tenantName, 'x-relay-timestamp': timestamp, 'x-relay-signature': signature };
}
