/** The relay in this process on real sockets, over simulated regions, with a client that speaks gRPC to it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, type ServiceError, status as codes } from '@grpc/grpc-js';
import { type ProtoObject, RelayClient } from '../../src/cli/relay-client.ts';
import { type Config, loadConfig } from '../../src/config/load.ts';
import { type Relay, startRelay } from '../../src/main.ts';
import { defaultSimulatorOptions, type SimulatorOptions } from '../../src/simulator/options.ts';
import type { RequestRecord } from '../../src/simulator/records.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { errorInfo } from '../server/support.ts';

export const MODEL = 'claude-opus-5-5';

/** What the relay tells of an answer; what it leaves out is absent. */
export interface Info {
  readonly account?: string;
  readonly region?: string;
  readonly attempts?: number;
}

/** How a call ended. */
export interface Outcome {
  /** gRPC code name; `OK` for an answer. */
  readonly status: string;
  /** `ErrorInfo.reason`; empty for an answer. */
  readonly reason: string;
  /** What the caller was told of an error; empty for an answer. */
  readonly message: string;
  readonly relay: Info;
  /** The answer as the proto has it; of a stream, its events. */
  readonly answer: ProtoObject | undefined;
  readonly events: readonly ProtoObject[];
}

export interface CallOptions {
  readonly token?: string;
  /** Milliseconds. */
  readonly deadline?: number;
}

export interface RunningRelay extends AsyncDisposable {
  readonly relay: Relay;
  /** What was logged so far, line by line. */
  readonly log: readonly LogLine[];
  /** Resolves with the first line, written or to come, whose message holds the text. */
  readonly logged: (text: string) => Promise<LogLine>;
  /** Makes a unary call; never rejects. */
  readonly complete: (request: object, options?: CallOptions) => Promise<Outcome>;
  /** Makes a streaming call and reads it to its end; never rejects. */
  readonly stream: (request: object, options?: CallOptions) => Promise<Outcome>;
  /** Status and text of a page of the admin listener. */
  readonly admin: (path: string) => Promise<{ readonly status: number; readonly text: string }>;
  /** `/healthz` as an object. */
  readonly health: () => Promise<HealthDetail>;
  /** The sum of a metric's series that have all of these labels. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>;
  /** Reads other settings and has the relay take them over. */
  readonly reload: (settings: object) => Promise<readonly string[]>;
}

export interface LogLine extends Readonly<Record<string, unknown>> {
  readonly level: string;
  readonly msg: string;
}

export interface HealthDetail {
  readonly ready: boolean;
  readonly endpoints: readonly {
    readonly account: string;
    readonly region: string;
    readonly breaker: 'closed' | 'half-open' | 'open';
    readonly account_suspended_for_ms: number;
    readonly organization_suspended_for_ms: number;
  }[];
  readonly model_classes: readonly { readonly organization: string; readonly cooling_for_ms: number }[];
  readonly overloaded: readonly { readonly region: string; readonly model: string; readonly for_ms: number }[];
  readonly waiting: { readonly interactive: number; readonly background: number };
}

/** Reads settings as `serve` reads its file. */
export async function configOf(settings: object): Promise<Config> {
  const folder = await mkdtemp(join(tmpdir(), 'relay-e2e-'));
  const path = join(folder, 'relay.yaml');
  try {
    // JSON is YAML.
    await writeFile(path, JSON.stringify({ ...QUIET, ...settings }));
    return loadConfig({ path, env: {} });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Free ports, and no traffic but the test's own. */
const QUIET = {
  server: { listen: '127.0.0.1:0', drain_timeout: '1s' },
  admin: { listen: '127.0.0.1:0' },
  cache: { mode: 'off' },
};

/** Starts a relay with settings spelt as in its file. */
export async function startPooled(settings: object): Promise<RunningRelay> {
  const log: LogLine[] = [];
  const watchers = new Set<(line: LogLine) => void>();
  const output = {
    write(line: string) {
      const parsed = JSON.parse(line) as LogLine;
      log.push(parsed);
      for (const watch of watchers) watch(parsed);
    },
    flush() {},
  };
  const relay = await startRelay(await configOf(settings), createLog({ level: 'info', output }), '0.0.0-test');
  const client = new RelayClient(relay.address, credentials.createInsecure());
  const admin = async (path: string) => {
    const response = await fetch(`http://${relay.adminAddress}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return {
    relay,
    log,
    logged: (text) =>
      new Promise((resolve) => {
        const known = log.find(({ msg }) => msg.includes(text));
        if (known !== undefined) {
          resolve(known);
          return;
        }
        const watch = (line: LogLine): void => {
          if (!line.msg.includes(text)) return;
          watchers.delete(watch);
          resolve(line);
        };
        watchers.add(watch);
      }),
    complete: (request, options = {}) => unary(client, request, options),
    stream: (request, options = {}) => streamed(client, request, options),
    admin,
    health: async () => JSON.parse((await admin('/healthz')).text) as HealthDetail,
    metric: async (name, labels = {}) => sumOf((await admin('/metrics')).text, name, labels),
    reload: async (next) => relay.reload(await configOf(next)),
    async [Symbol.asyncDispose]() {
      client.close();
      await relay.drain();
    },
  };
}

async function unary(client: RelayClient, request: object, options: CallOptions): Promise<Outcome> {
  try {
    const answer = await client.unary('Complete', request, metadataOf(options), deadlineOf(options));
    return { ...OK, relay: infoOf(answer), answer };
  } catch (error) {
    return { ...failure(error), events: [] };
  }
}

async function streamed(client: RelayClient, request: object, options: CallOptions): Promise<Outcome> {
  const events: ProtoObject[] = [];
  try {
    const stream = client.stream('CompleteStream', request, metadataOf(options), deadlineOf(options));
    for await (const event of stream) events.push(event as ProtoObject);
    return { ...OK, relay: infoOf(events.at(-1)), events };
  } catch (error) {
    return { ...failure(error), events };
  }
}

function infoOf(message: ProtoObject | undefined): Info {
  const info = message?.['relay'];
  return typeof info === 'object' && info !== null ? info : {};
}

const OK: Outcome = { status: 'OK', reason: '', message: '', relay: {}, answer: undefined, events: [] };

function failure(thrown: unknown): Outcome {
  const error = thrown as ServiceError;
  const { reason, metadata } = errorInfo(error);
  const relay = {
    account: metadata['account'] ?? '',
    region: metadata['region'] ?? '',
    attempts: Number(metadata['attempts'] ?? 0),
  };
  return { status: codes[error.code] ?? '', reason, message: error.details, relay, answer: undefined, events: [] };
}

function metadataOf({ token }: CallOptions): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function deadlineOf({ deadline = 60_000 }: CallOptions): Date {
  return new Date(Date.now() + deadline);
}

function sumOf(exposition: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const lines = exposition.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const matching = lines.filter((line) => wanted.every((label) => line.includes(label)));
  return matching.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** A simulated region, to be closed without waiting for anybody. */
export function startRegion(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return startSimulator({
    ...defaultSimulatorOptions,
    closeGrace: 0,
    recordCapacity: 100_000,
    outputTokens: { from: 8, to: 8 },
    ...options,
  });
}

export interface AccountParts {
  readonly organization?: string;
  readonly limits?: object;
  readonly priority?: number;
  readonly weight?: number;
  readonly models?: readonly string[];
}

/** An account whose key is its name with `key-` before it, in regions named as the simulators are given. */
export function account(
  name: string,
  regions: Readonly<Record<string, Pick<Simulator, 'url'>>>,
  parts: AccountParts = {},
): object {
  return {
    name,
    api_key: keyOf(name),
    regions: Object.entries(regions).map(([region, { url }]) => ({ name: region, base_url: url })),
    ...parts,
  };
}

export function keyOf(account: string): string {
  return `key-${account}`;
}

let prompts = 0;

/** A request of one user turn; without a text, one that was never asked before. */
export function ask(parts: { readonly text?: string; readonly [field: string]: unknown } = {}): object {
  const { text = `question ${++prompts}`, ...fields } = parts;
  return { model: MODEL, max_tokens: 64, messages: [{ role: 'user', content: [{ text: { text } }] }], ...fields };
}

/** Runs so many of something at once, and waits for all. */
export function all<T>(times: number, run: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, index) => run(index)));
}

/** How often each value comes. */
export function countBy<T>(values: Iterable<T>, keyOf: (value: T) => string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[keyOf(value)] = (counts[keyOf(value)] ?? 0) + 1;
  return counts;
}

/** Statuses of outcomes by how often they came, so that one assertion shows them all. */
export function statuses(outcomes: readonly Outcome[]): Readonly<Record<string, number>> {
  return countBy(outcomes, ({ status, reason }) => (reason === '' ? status : `${status} ${reason}`));
}

/** Requests to the Messages endpoint, by account. */
export function byAccount(records: Iterable<RequestRecord>): Readonly<Record<string, number>> {
  const messages = [...records].filter(({ endpoint }) => endpoint === 'messages');
  return countBy(messages, ({ key }) => key.replace(/^key-/, ''));
}

/** So long may what a test waits for take on a busy machine, in milliseconds, before it will never come. */
const PATIENCE_MS = 30_000;

/** Resolves with what `read` gives once it satisfies the predicate; asks again and again meanwhile. */
export async function until<T>(read: () => T | Promise<T>, satisfies: (value: T) => boolean): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await read();
    if (satisfies(value)) return value;
    if (performance.now() > end) throw new Error(`it never came true; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
