/** Similar requests in other words: the whole relay, and a server that speaks the embeddings protocol. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setImmediate as round } from 'node:timers/promises';
import { loadConfig } from '../../src/config/load.ts';
import { startRelay } from '../../src/main.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { Client, type Fields, settingsFor, writeSettings } from './core-relay.ts';
import { ask, idOf, infoOf, startUpstream } from './reuse-relay.ts';

const KEY = 'sk-embeddings';
const PROMPT = 'How do I reset a Gmail password?';
const PARAPHRASE = 'How can I reset the Gmail password?';

/** A server after the protocol's reference, to which all prompts are alike: the worst that could be. */
class EmbeddingsServer extends EventEmitter {
  readonly asked: { readonly headers: IncomingHttpHeaders; readonly body: { model: string; input: string[] } }[] = [];
  /** What it answers with; only 200 has vectors. */
  answers: 200 | 413 | 503 = 200;
  readonly #server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const body: { model: string; input: string[] } = JSON.parse(text);
      this.asked.push({ headers: request.headers, body });
      response.on('finish', () => this.emit('answered'));
      if (this.answers !== 200 || request.url !== '/v1/embeddings') {
        response.writeHead(this.answers).end();
        return;
      }
      const data = body.input.map((_, index) => ({ object: 'embedding', index, embedding: [1, 1, 0] }));
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ object: 'list', data, model: body.model, usage: { prompt_tokens: 1 } }));
    });
  });

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const embeddings = new EmbeddingsServer();
const log: { readonly level: string; readonly msg: string }[] = [];
let upstream: Simulator;
let relay: Awaited<ReturnType<typeof startRelay>>;
let client: Client;

before(async () => {
  upstream = await startUpstream();
  const cache = {
    mode: 'similar',
    embeddings: { base_url: await embeddings.open(), model: 'small', api_key: KEY, dimensions: 3 },
  };
  const { path, remove } = writeSettings(settingsFor(upstream.url, { cache }));
  const config = loadConfig({ path, env: {} });
  remove();
  const output = { write: (line: string) => void log.push(JSON.parse(line)), flush() {} };
  relay = await startRelay(config, createLog({ level: 'info', output }), '0.0.0-test');
  client = new Client(relay.address);
});
after(async () => {
  client.close();
  await relay.drain();
  await upstream.close();
  embeddings.close();
});

async function complete(text: string): Promise<Fields> {
  const { answer, error } = await client.ask('Complete', ask(text));
  assert.equal(error, undefined, error?.message);
  assert.ok(answer);
  return answer;
}

/** Asks for something new, and waits until its embedding is kept too. */
async function kept(text: string): Promise<Fields> {
  const answered = once(embeddings, 'answered');
  const answer = await complete(text);
  await answered;
  for (let rounds = 0; rounds < 100; rounds++) await round();
  return answer;
}

async function failures(): Promise<number> {
  const text = await (await fetch(`http://${relay.adminAddress}/metrics`)).text();
  return Number(/^claude_relay_cache_embedding_failures_total (\d+)/m.exec(text)?.[1]);
}

describe('with an embeddings server', () => {
  it('a prompt in other words is answered, the guards allowing', async () => {
    const first = await kept(PROMPT);
    const found = await complete(PARAPHRASE);
    assert.deepEqual([infoOf(found).cache_status, idOf(found)], ['CACHE_STATUS_SIMILAR', idOf(first)]);
    assert.ok(Math.abs((infoOf(found).similarity ?? 0) - 1) < 1e-6);
    for (const { headers, body } of embeddings.asked) {
      assert.equal(headers.authorization, `Bearer ${KEY}`);
      assert.deepEqual([body.model, body.input.length], ['small', 1]);
    }
    assert.equal(infoOf(await complete(PROMPT.replace('Gmail', 'Yahoo'))).cache_status, 'CACHE_STATUS_MISS');
    assert.equal(await failures(), 0);
  });

  it('a prompt that it refuses is no reason to leave it alone', async () => {
    const asked = embeddings.asked.length;
    const earlier = await failures();
    embeddings.answers = 413;
    const texts = ['Where can I reset an Outlook password?', 'When can I reset an Outlook password?'];
    for (const text of texts) assert.equal(infoOf(await kept(text)).cache_status, 'CACHE_STATUS_MISS');
    assert.equal(embeddings.asked.length - asked, 2 * texts.length, 'each for the look-up, and to be kept');
    assert.equal((await failures()) - earlier, 2 * texts.length);
    assert.equal(log.filter(({ msg }) => msg.includes('refuses a prompt')).length, 1);
    embeddings.answers = 200;
    assert.equal(infoOf(await complete(PARAPHRASE.replace('How', 'In what way'))).cache_status, 'CACHE_STATUS_SIMILAR');
  });

  it('its failure is counted, told once, held off for a while, and costs similar hits alone', async () => {
    embeddings.answers = 503;
    const earlier = await failures();
    const asked = embeddings.asked.length;
    const texts = [
      'How can I reset a Yahoo password?',
      'Where do I reset my Gmail password?',
      'Why do I need a password?',
    ];
    for (const text of texts) assert.equal(infoOf(await complete(text)).cache_status, 'CACHE_STATUS_MISS');
    assert.equal(infoOf(await complete(texts[0] ?? '')).cache_status, 'CACHE_STATUS_HIT');
    assert.equal(embeddings.asked.length - asked, 1, 'after a failure it is left alone');
    assert.ok((await failures()) - earlier >= 3);
    const told = log.filter(({ msg }) => msg.includes('embeddings can'));
    assert.deepEqual(
      told.map(({ level }) => level),
      ['warn'],
    );
    assert.ok(!JSON.stringify(log).includes(KEY) && !JSON.stringify(log).includes('Gmail'));
  });
});
