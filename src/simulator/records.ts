import type { IncomingHttpHeaders } from 'node:http';
import type { Endpoint, FaultKind } from './faults/rules.ts';

/** One request, as the simulator saw it. */
export interface RequestRecord {
  /** The `request-id` it was answered with. */
  readonly id: string;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Epoch milliseconds, as is `endedAt`. */
  readonly arrivedAt: number;
  /** Absent until the path was understood. */
  readonly endpoint?: Endpoint;
  /** Empty until it was authenticated. */
  readonly key: string;
  /** Empty where there is none. */
  readonly model: string;
  readonly stream: boolean;
  /** Kept only when asked for. */
  readonly body?: string;
  /** HTTP status; 0 while none was sent. */
  readonly status: number;
  /** Stream events that were sent, pings included. */
  readonly events: number;
  /** The fault it was struck with. */
  readonly fault?: FaultKind;
  /**
   * `open` while it is under way; `answered` when the whole answer went out, an error or not; `broken` when a fault broke
   * it; `aborted` when the client went away first.
   */
  readonly outcome: 'open' | 'answered' | 'broken' | 'aborted';
  readonly endedAt?: number;
}

/** The same while the simulator writes it. */
export type OpenRecord = { -readonly [Field in keyof RequestRecord]: RequestRecord[Field] };

/** Totals since the start. */
export interface Counters {
  readonly requests: number;
  readonly answered: number;
  readonly broken: number;
  readonly aborted: number;
  /** Answers with status 429, asked for as a fault or not. */
  readonly rateLimited: number;
  /** Requests under way, and the most there ever were. */
  readonly open: number;
  readonly peakOpen: number;
  /** Connections so far, those open now, and the most there ever were. */
  readonly connections: number;
  readonly openConnections: number;
  readonly peakConnections: number;
}

/** Requests of one API key for one model. */
export interface Tally {
  readonly key: string;
  readonly model: string;
  readonly requests: number;
  readonly rateLimited: number;
  readonly aborted: number;
  /** Input tokens of the requests that were admitted, cache reads included. */
  readonly inputTokens: number;
  /** Output tokens that were sent. */
  readonly outputTokens: number;
}

type OpenTally = { -readonly [Field in keyof Tally]: Tally[Field] };

interface Watcher {
  readonly predicate: (record: RequestRecord) => boolean;
  readonly resolve: (record: RequestRecord) => void;
}

/** Pairs of key and model that are told apart; beyond them, all go under `*`. */
const MOST_TALLIES = 1_000;

/** What the simulator remembers of its requests: the latest in full, all of them in numbers. Bounded. */
export class Records {
  readonly #capacity: number;
  /** A ring: once full, `#next` is also the oldest. */
  readonly #ring: OpenRecord[] = [];
  #next = 0;
  readonly #tallies = new Map<string, OpenTally>();
  readonly #watchers = new Set<Watcher>();
  readonly #idlers: (() => void)[] = [];
  readonly #counters = {
    requests: 0,
    answered: 0,
    broken: 0,
    aborted: 0,
    rateLimited: 0,
    open: 0,
    peakOpen: 0,
    connections: 0,
    openConnections: 0,
    peakConnections: 0,
  };

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Begins a record. */
  arrive(record: OpenRecord): void {
    const counters = this.#counters;
    counters.requests++;
    counters.open++;
    counters.peakOpen = Math.max(counters.peakOpen, counters.open);
    if (this.#capacity > 0) {
      this.#ring[this.#next] = record;
      this.#next = (this.#next + 1) % this.#capacity;
    }
    this.notify(record);
  }

  /** Ends a record; only the first end counts. */
  end(record: OpenRecord, outcome: 'answered' | 'broken' | 'aborted', now: number): void {
    if (record.outcome !== 'open') return;
    record.outcome = outcome;
    record.endedAt = now;
    this.#counters.open--;
    this.#counters[outcome]++;
    const tally = this.#tallyOf(record.key, record.model);
    tally.requests++;
    if (outcome === 'aborted') tally.aborted++;
    if (record.status === 429) {
      tally.rateLimited++;
      this.#counters.rateLimited++;
    }
    this.notify(record);
    if (this.#counters.open === 0) for (const resolve of this.#idlers.splice(0)) resolve();
  }

  /** Resolves once no request is under way. */
  async noneOpen(): Promise<void> {
    if (this.#counters.open > 0) await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }

  /** Counts tokens of a request. */
  spend(record: OpenRecord, inputTokens: number, outputTokens: number): void {
    const tally = this.#tallyOf(record.key, record.model);
    tally.inputTokens += inputTokens;
    tally.outputTokens += outputTokens;
  }

  connect(): void {
    const counters = this.#counters;
    counters.connections++;
    counters.openConnections++;
    counters.peakConnections = Math.max(counters.peakConnections, counters.openConnections);
  }

  disconnect(): void {
    this.#counters.openConnections--;
  }

  /** Tells those who wait for a record that it changed. */
  notify(record: RequestRecord): void {
    for (const watcher of this.#watchers) {
      if (!watcher.predicate(record)) continue;
      this.#watchers.delete(watcher);
      watcher.resolve(record);
    }
  }

  /** The latest requests, oldest first. */
  list(): readonly RequestRecord[] {
    if (this.#ring.length < this.#capacity) return this.#ring.slice();
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  /** Resolves with the first request, remembered or to come, that satisfies the predicate. */
  find(predicate: (record: RequestRecord) => boolean): Promise<RequestRecord> {
    const known = this.list().find(predicate);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#watchers.add({ predicate, resolve }));
  }

  counters(): Counters {
    return { ...this.#counters };
  }

  tallies(): readonly Tally[] {
    return [...this.#tallies.values()].map((tally) => ({ ...tally }));
  }

  #tallyOf(key: string, model: string): OpenTally {
    const name = `${key}\0${model}`;
    const known = this.#tallies.get(name);
    if (known !== undefined) return known;
    if (this.#tallies.size >= MOST_TALLIES && key !== '*') return this.#tallyOf('*', '*');
    const tally = { key, model, requests: 0, rateLimited: 0, aborted: 0, inputTokens: 0, outputTokens: 0 };
    this.#tallies.set(name, tally);
    return tally;
  }
}
