/** Mutated HTTP/2 against a running relay: frames, headers, messages, in whatever order. */
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { RelayClient } from '../../src/cli/relay-client.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type Relay, startRelay } from '../../src/main.ts';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { type Random, seededRandom } from '../../src/simulator/random.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { FLAG, FRAME, frame, grpcHeaders, grpcMessage, headerBlock, RawConnection } from '../../test/e2e/raw-http2.ts';
import { Finding, must } from './finding.ts';
import { below, mutated, oneOf } from './mutate.ts';

const TOKEN = 'fuzz';
const CONNECTIONS = 8;
const MOST_FRAMES = 12;
const PATHS = [
  ...['Complete', 'CompleteStream', 'CountTokens', 'ListModels', 'Nothing'].map(
    (rpc) => `/claude.relay.v1.RelayService/${rpc}`,
  ),
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/',
];

/** A relay to be fuzzed, and what must hold of it in the end. */
export interface FuzzedRelay extends AsyncDisposable {
  /** Sends mutated frames on several connections at once until told to stop. Rejects with a Finding. */
  readonly fuzz: (seed: string, messages: readonly Buffer[], goesOn: (sent: number) => boolean) => Promise<number>;
  /** Rejects where a call is not served as if nothing had happened, or something is left over. */
  readonly check: () => Promise<void>;
}

/** Starts a relay with one tenant over a simulated upstream; its log goes to nobody. */
export async function startFuzzedRelay(): Promise<FuzzedRelay> {
  const simulator = await startSimulator({ ...defaultSimulatorOptions, closeGrace: 0, recordCapacity: 0 });
  const bugs: string[] = [];
  const relay = await start(simulator.url, bugs);
  const port = Number(relay.address.split(':').at(-1));
  const client = new RelayClient(relay.address, credentials.createInsecure());
  return {
    async fuzz(seed, messages, goesOn) {
      const random = seededRandom(seed);
      let sent = 0;
      const lanes = Array.from({ length: CONNECTIONS }, async () => {
        while (goesOn(sent)) {
          const frames = await attack(port, random, messages);
          sent += frames;
        }
      });
      await Promise.all(lanes);
      if (bugs.length > 0) throw new Finding('the relay', seed, sent, '(see the cause)', bugs.join('\n'));
      return sent;
    },
    async check() {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${TOKEN}`);
      const request = {
        model: 'claude-opus-5-5',
        max_tokens: 8,
        messages: [{ role: 'user', content: [{ text: { text: 'Hi' } }] }],
      };
      await client.unary('Complete', request, metadata, new Date(Date.now() + 10_000));
      // Connections that were dropped a moment ago take their calls with them in a moment.
      for (let left = 1, patience = 1_000; left > 0; patience -= 1) {
        const health = await fetch(`http://${relay.adminAddress}/healthz`);
        left = ((await health.json()) as { readonly in_flight: number }).in_flight;
        must(patience > 0, `${left} calls are left over`);
        if (left > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await relay.drain();
      await simulator.close();
    },
  };
}

function start(url: string, bugs: string[]): Promise<Relay> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-fuzz-'));
  const path = join(folder, 'relay.yaml');
  const settings = {
    server: { listen: '127.0.0.1:0', drain_timeout: '1s' },
    admin: { listen: '127.0.0.1:0' },
    routing: { probe: { method: 'off' } },
    accounts: [{ name: 'primary', api_key: 'key', regions: [{ name: 'us', base_url: url }] }],
    tenants: [{ name: 'fuzz', token_sha256: hash('sha256', TOKEN, 'hex'), hmac_secret: 'secret' }],
  };
  writeFileSync(path, JSON.stringify(settings));
  const config = loadConfig({ path, env: {} });
  rmSync(folder, { recursive: true });
  const write = (line: string): void => {
    if (line.includes('"INTERNAL"') || line.includes('internal error')) bugs.push(line);
  };
  return startRelay(config, createLog({ level: 'info', output: { write, flush: () => undefined } }), '0.0.0');
}

/** One connection's worth of frames, in a few writes. Gives how many frames it was. */
async function attack(port: number, random: Random, messages: readonly Buffer[]): Promise<number> {
  const connection = await RawConnection.open(port);
  const frames = Array.from({ length: 1 + below(random, MOST_FRAMES) }, (_, index) =>
    nextFrame(random, messages, 1 + 2 * Math.floor(index / 2)),
  );
  for (const each of frames) connection.write(each);
  // Answered or not: whoever floods does not wait. Now and then the relay gets to say what it has to say.
  if (random() < 0.5) await Promise.race([connection.roundTrip().catch(() => undefined), connection.closed, soon()]);
  connection.destroy();
  return frames.length;
}

function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

function nextFrame(random: Random, messages: readonly Buffer[], stream: number): Buffer {
  const end = random() < 0.5 ? FLAG.END_STREAM : FLAG.NONE;
  const made = (): Buffer => {
    switch (below(random, 8)) {
      case 0:
      case 1:
      case 2:
        return frame(FRAME.HEADERS, FLAG.END_HEADERS | (random() < 0.1 ? end : 0), stream, headers(random));
      case 3:
      case 4:
        return frame(FRAME.DATA, end, stream, message(random, messages));
      case 5:
        return frame(oneOf(random, Object.values(FRAME)), below(random, 256), stream, noise(random, 64));
      case 6:
        return frame(below(random, 256), below(random, 256), below(random, 2 ** 16), noise(random, 32));
      default:
        return frame(FRAME.RST_STREAM, FLAG.NONE, stream, Buffer.alloc(4));
    }
  };
  const bytes = made();
  return random() < 0.2 ? mutated(random, bytes, made()) : bytes;
}

function headers(random: Random): Buffer {
  const more: Record<string, string> = {
    authorization: `Bearer ${random() < 0.8 ? TOKEN : noise(random, 8).toString('latin1')}`,
  };
  if (random() < 0.3)
    more[oneOf(random, ['grpc-timeout', 'grpc-encoding', 'x-request-id', 'traceparent', 'x-odd-bin'])] =
      oddText(random);
  if (random() < 0.1) more['x-relay-signature'] = oddText(random);
  const block = headerBlock(grpcHeaders(oneOf(random, PATHS), more));
  return random() < 0.2 ? mutated(random, block, block) : block;
}

function oddText(random: Random): string {
  return oneOf(random, [
    '1S',
    '0n',
    '99999999H',
    '-1S',
    'gzip',
    'deflate',
    'zstd',
    '',
    'a'.repeat(200),
    noise(random, 16).toString('hex'),
  ]);
}

function message(random: Random, messages: readonly Buffer[]): Buffer {
  const serialized = oneOf(random, messages);
  const payload = random() < 0.5 ? serialized : mutated(random, serialized, oneOf(random, messages));
  const framed = grpcMessage(payload);
  return random() < 0.2 ? mutated(random, framed, framed) : framed;
}

function noise(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: below(random, most) }, () => below(random, 256)));
}
