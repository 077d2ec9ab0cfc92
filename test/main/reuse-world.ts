/** The cache of answers as `main` wires it, over an upstream that answers when the test says so, in time that the test moves. */
import { setImmediate as round } from 'node:timers/promises';
import { accumulate } from '../../src/completion/accumulate.ts';
import type { RedisCommands } from '../../src/cache/redis-tier.ts';
import { type CachePolicy, DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import { replay } from '../../src/completion/replay.ts';
import type { Reply, Settlement, StreamEvent } from '../../src/completion/reply.ts';
import { type Layer, type Service, stack } from '../../src/completion/service.ts';
import { HistoryBudget } from '../../src/completion/shared-stream.ts';
import { startTrace } from '../../src/completion/trace.ts';
import { type Config, loadConfig } from '../../src/config/load.ts';
import { cacheConfig, cacheSettings } from '../../src/config/sections/cache.ts';
import { tenantsConfig, tenantsSettings } from '../../src/config/sections/tenants.ts';
import { coalesce } from '../../src/layers/coalesce.ts';
import { requestKey } from '../../src/main/request-key.ts';
import { openReuse } from '../../src/main/reuse.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { fakeCall } from '../layers/fakes.ts';
import { ManualClock } from '../redis/manual-clock.ts';

export interface WorldOptions {
  /** Settings of the sections, spelt as in the file. */
  readonly cache?: object;
  readonly tenants?: readonly object[];
  /** In the place of the real one. */
  readonly digest?: (call: Pick<Call, 'body' | 'tenant'>) => string;
  readonly hasCapacity?: () => boolean;
  /** Shared with other worlds; none by itself. */
  readonly redis?: RedisCommands;
  readonly renewing?: Layer;
}

/** How the upstream answers. */
export interface Answering {
  readonly form?: 'whole' | 'stream';
  readonly stopReason?: string;
  readonly text?: string;
  readonly fails?: boolean;
}

/** One request that the upstream has got. */
export class Asked {
  readonly call: Call;
  /** Its place among its tenant's requests. */
  readonly serial: number;
  readonly #reply = Promise.withResolvers<Reply>();
  isAnswered = false;

  constructor(call: Call, serial: number) {
    this.call = call;
    this.serial = serial;
    call.signal.addEventListener('abort', () => {
      this.isAnswered = true;
      this.#reply.reject(call.signal.reason);
    });
  }

  get reply(): Promise<Reply> {
    return this.#reply.promise;
  }

  /** The answer is named after the request: by its id, and by its text, unless another is given. */
  answer({ form = 'whole', stopReason = 'end_turn', text, fails = false }: Answering = {}): void {
    this.isAnswered = true;
    const body = messageOf(String(this.serial), text ?? questionOf(this.call), stopReason);
    const { promise: settled, resolve: settle } = Promise.withResolvers<Settlement>();
    const over = (): void => settle({ outcome: 'delivered', usage: USAGE });
    if (fails) this.#reply.reject(new RelayError('UPSTREAM_OVERLOADED', 'Busy.'));
    else if (form === 'stream') this.#reply.resolve({ kind: 'stream', events: each(replay(body), over), settled });
    else {
      over();
      this.#reply.resolve({ kind: 'whole', body, settled });
    }
  }
}

/** As much of Redis as the tier asks for; nothing expires in it. */
export function memoryRedis(): RedisCommands {
  const values = new Map<string, Buffer>();
  return {
    command: async ([name, key, value]) => {
      if (name === 'SET') values.set(String(key), Buffer.from(value ?? ''));
      else values.delete(String(key));
    },
    bytes: async ([, key]) => values.get(String(key)) ?? Buffer.alloc(0),
  };
}

export const USAGE = {
  input_tokens: 10,
  output_tokens: 5,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
} as const;

export function messageOf(id: string, text: string, stopReason: string): string {
  return JSON.stringify({
    id,
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text }],
    stop_reason: stopReason,
    stop_sequence: null,
    usage: USAGE,
  });
}

async function* each(events: Iterable<StreamEvent>, over: () => void): AsyncGenerator<StreamEvent, void> {
  try {
    yield* events;
  } finally {
    over();
  }
}

/** What a caller got. */
export interface Got {
  readonly call: Call;
  /** The request upstream that the answer was made for; undefined where it failed. */
  readonly serial: number | undefined;
  readonly text: string;
}

export class World {
  readonly clock = new ManualClock();
  readonly asked: Asked[] = [];
  readonly metrics = createMetrics({ tenant: () => true, model: () => true, account: () => true, region: () => true });
  readonly service: Service;
  /** Takes over other settings, spelt as in the file. */
  readonly reload: (cache: object, tenants?: readonly object[]) => void;
  readonly #keyOf: (call: Call) => string;

  constructor({
    cache = {},
    tenants = [],
    digest,
    hasCapacity = () => true,
    redis,
    renewing = (next) => next,
  }: WorldOptions = {}) {
    const { clock, metrics } = this;
    const config = configOf(cache, tenants);
    const key = requestKey({ ...config.cache, regionOf: (_, asked) => asked });
    this.#keyOf = digest ?? ((call) => key(call, call.operation, call.tenant));
    const telemetry = { metrics, log: createLog({ level: 'silent' }) };
    const answers = openReuse(config, { telemetry, redis, hasCapacity, renewing, clock });
    this.reload = (cache, tenants = []) => answers.replace(configOf(cache, tenants));
    const flights = coalesce({
      keyOf: answers.flightKey,
      history: new HistoryBudget(2 ** 20),
      now: () => clock.now(),
    });
    this.service = stack([answers.reading, flights, answers.keeping], (call) => {
      const asked = new Asked(call, this.asked.filter((other) => other.call.tenant === call.tenant).length);
      this.asked.push(asked);
      return asked.reply;
    });
  }

  call(text: string, policy: Partial<CachePolicy> = {}, more: Partial<Call> = {}): Call {
    const body = bodyOf(text);
    const call: Call = fakeCall({
      body,
      cache: { ...DEFAULT_CACHE_POLICY, ...policy },
      trace: startTrace(this.clock.now()),
      ...more,
      digest: () => this.#keyOf(call),
    });
    return call;
  }

  /** Makes a call and reads its answer. Never rejects. */
  async ask(call: Call): Promise<Got> {
    try {
      const reply = await this.service(call);
      const body = reply.kind === 'whole' ? reply.body : await accumulate(reply.events);
      const { id, content }: { id: string; content: { text: string }[] } = JSON.parse(body);
      return { call, serial: Number(id), text: content[0]?.text ?? '' };
    } catch {
      return { call, serial: undefined, text: '' };
    }
  }

  /** Makes a call, and has the upstream answer where it is asked. */
  async exchange(call: Call, answering?: Answering): Promise<Got> {
    const known = this.asked.length;
    const got = this.ask(call);
    await round();
    for (const asked of this.asked.slice(known)) asked.answer(answering);
    await round();
    return got;
  }

  /** Requests that the upstream has not answered yet. */
  get open(): readonly Asked[] {
    return this.asked.filter(({ isAnswered }) => !isAnswered);
  }
}

function configOf(cache: object, tenants: readonly object[]): Config {
  return {
    ...loadConfig({ env: {} }),
    cache: cacheConfig(cacheSettings.parse(cache)),
    tenants: tenantsConfig(tenantsSettings.parse(tenants)),
  };
}

/** The text of the answer to a call that nobody else's answer has. */
export function questionOf({ tenant, body }: Call): string {
  return `${tenant} asked ${body}`;
}

function bodyOf(text: string): string {
  return JSON.stringify({
    model: 'claude-opus-5-5',
    max_tokens: 16,
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
  });
}
