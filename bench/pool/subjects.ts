/** What the benchmark compares: one account asked directly over HTTP, and the relay over several, asked over gRPC. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { Pool } from 'undici';
import { RelayClient } from '../../src/cli/relay-client.ts';
import { loadConfig } from '../../src/config/load.ts';
import { startRelay } from '../../src/main.ts';
import { createLog } from '../../src/telemetry/log.ts';

export interface Question {
  /** Names the call at the upstream. */
  readonly id: string;
  readonly text: string;
  readonly maxTokens: number;
  readonly stream: boolean;
}

/** How one call ended, as its caller saw it. */
export interface Answered {
  readonly ok: boolean;
  readonly status: string;
  /** Milliseconds. */
  readonly took: number;
  /** By the relay's word: how long the call waited for capacity, in milliseconds. */
  readonly queued: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface Subject {
  /** Never rejects. */
  readonly ask: (question: Question) => Promise<Answered>;
  readonly close: () => Promise<void>;
}

const MODEL = 'claude-opus-5-5';
const DEADLINE_MS = 60_000;

interface Counted {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
}

interface Told {
  readonly queued?: { readonly seconds?: number; readonly nanos?: number };
}

/** A relay with the given settings, in this process. */
export async function startRelaySubject(settings: object): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-bench-'));
  const path = join(folder, 'relay.yaml');
  const free = { server: { listen: '127.0.0.1:0' }, admin: { listen: '127.0.0.1:0' }, cache: { mode: 'off' } };
  writeFileSync(path, JSON.stringify({ ...free, ...settings }));
  const config = loadConfig({ path, env: {} });
  rmSync(folder, { recursive: true });
  const relay = await startRelay(config, createLog({ level: 'silent' }), '0.0.0-bench');
  const client = new RelayClient(relay.address, credentials.createInsecure());

  async function ask({ id, text, maxTokens, stream }: Question): Promise<Partial<Answered>> {
    const request = {
      model: MODEL,
      max_tokens: maxTokens,
      messages: [{ role: 'user', content: [{ text: { text } }] }],
    };
    const metadata = new Metadata();
    metadata.set('x-request-id', id);
    const deadline = new Date(Date.now() + DEADLINE_MS);
    if (!stream) {
      const { message, relay: info } = (await client.unary('Complete', request, metadata, deadline)) as {
        readonly message?: { readonly usage?: Counted };
        readonly relay?: Told;
      };
      return { ...countsOf(message?.usage), queued: queuedOf(info) };
    }
    let usage: Counted = {};
    let info: Told | undefined;
    for await (const event of client.stream('CompleteStream', request, metadata, deadline)) {
      const {
        message_start,
        message_delta,
        relay: told,
      } = event as {
        readonly message_start?: { readonly message?: { readonly usage?: Counted } };
        readonly message_delta?: { readonly usage?: Counted };
        readonly relay?: Told;
      };
      usage = { ...usage, ...message_start?.message?.usage, ...message_delta?.usage };
      info = told ?? info;
    }
    return { ...countsOf(usage), queued: queuedOf(info) };
  }

  return {
    ask: (question) => timed(() => ask(question)),
    async close() {
      client.close();
      await relay.drain();
    },
  };
}

/** One account of the upstream itself, without retries: what a program sees that calls it. */
export function directSubject(baseUrl: string, apiKey: string): Subject {
  const pool = new Pool(baseUrl, { connections: 1_000 });
  const headers = { 'content-type': 'application/json', 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' };

  async function ask({ id, text, maxTokens, stream }: Question): Promise<Partial<Answered>> {
    const body = JSON.stringify({
      model: MODEL,
      max_tokens: maxTokens,
      messages: [{ role: 'user', content: text }],
      stream,
    });
    const answer = await pool.request({
      path: '/v1/messages',
      method: 'POST',
      headers: { ...headers, 'x-request-id': id },
      body,
    });
    const read = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(String(answer.statusCode));
    if (stream && !read.includes('event: message_stop')) throw new Error('broken stream');
    return {};
  }

  return { ask: (question) => timed(() => ask(question)), close: () => pool.close() };
}

async function timed(ask: () => Promise<Partial<Answered>>): Promise<Answered> {
  const startedAt = performance.now();
  const nothing = { queued: 0, inputTokens: 0, outputTokens: 0 };
  try {
    const told = await ask();
    return { ...nothing, ok: true, status: 'OK', took: performance.now() - startedAt, ...told };
  } catch (error) {
    const status = error instanceof Error ? error.message : String(error);
    return { ...nothing, ok: false, status, took: performance.now() - startedAt };
  }
}

function countsOf(usage: Counted | undefined): Partial<Answered> {
  return { inputTokens: usage?.input_tokens ?? 0, outputTokens: usage?.output_tokens ?? 0 };
}

function queuedOf(info: Told | undefined): number {
  const { seconds = 0, nanos = 0 } = info?.queued ?? {};
  return seconds * 1_000 + nanos / 1e6;
}
