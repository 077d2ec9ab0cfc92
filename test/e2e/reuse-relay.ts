/** The whole relay with its cache of answers, over the simulator, which tells how often it was asked. */
import { createHash } from 'node:crypto';
import { defaultSimulatorOptions, type SimulatorOptions } from '../../src/simulator/options.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { type CoreRelay, type Fields, metadataOf, settingsFor, startCore } from './core-relay.ts';

/** What `RelayInfo` tells of the cache; what is at its default is absent. */
export interface ReuseInfo {
  readonly attempts?: number;
  readonly cache_status?: string;
  readonly cache_age?: { readonly seconds?: string; readonly nanos?: number };
  readonly similarity?: number;
  readonly cost_usd?: number;
}

export interface CachedRelay extends CoreRelay {
  readonly upstream: Simulator;
  /** Requests for messages that the upstream has got. */
  readonly asked: () => number;
  /** The value of a metric's series with these labels, 0 where there is none. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>;
}

/** A simulator to be closed without waiting for anybody. */
export function startUpstream(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return startSimulator({ ...defaultSimulatorOptions, closeGrace: 0, outputTokens: { from: 12, to: 12 }, ...options });
}

/** Requests for messages that a simulator has got. */
export function askedOf(upstream: Simulator): number {
  return upstream.requests().filter(({ url }) => url.startsWith('/v1/messages')).length;
}

/** Starts a relay with settings spelt as in its file, over an upstream of its own or one that is there. */
export async function startCached(settings: object = {}, given?: Simulator): Promise<CachedRelay> {
  const upstream = given ?? (await startUpstream());
  const core = await startCore(settingsFor(upstream.url, settings));
  return {
    ...core,
    upstream,
    asked: () => askedOf(upstream),
    async metric(name, labels = {}) {
      const text = await (await fetch(`http://${core.relay.adminAddress}/metrics`)).text();
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      const line = text
        .split('\n')
        .find((line) => /^\w+/.exec(line)?.[0] === name && wanted.every((label) => line.includes(label)));
      return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ') + 1));
    },
    async [Symbol.asyncDispose]() {
      await core[Symbol.asyncDispose]();
      if (given === undefined) await upstream.close();
    },
  };
}

/** What the relay tells of an answer, or of a stream with one of its events. */
export function infoOf(message: Fields | undefined): ReuseInfo {
  return message?.['relay'] ?? {};
}

/** The upstream's id of an answer, which every request upstream gets anew. */
export function idOf(answer: Fields | undefined): string {
  const { id }: { id?: string } = answer?.['message'] ?? {};
  return id ?? '';
}

/** A tenant for the settings, whose token is its name. */
export function tenant(name: string, more: object = {}): object {
  return { name, token_sha256: createHash('sha256').update(name).digest('hex'), ...more };
}

/** What a tenant's call is made with. */
export function as(name: string) {
  return { metadata: metadataOf({ authorization: `Bearer ${name}` }) };
}

/** A request for an answer to a text, with a policy for the cache. */
export function ask(text: string, cache?: object, more: Fields = {}): Fields {
  return {
    model: 'claude-opus-5-5',
    max_tokens: 64,
    messages: [{ role: 'user', content: [{ text: { text } }] }],
    ...(cache === undefined ? {} : { relay: { cache } }),
    ...more,
  };
}
