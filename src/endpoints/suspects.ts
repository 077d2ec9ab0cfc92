import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';
import type { Endpoint } from './endpoint.ts';

/** Endpoints on which one request may fail before it is the request that is suspected. */
const ENDPOINTS_TO_SUSPECT = 2;
const REMEMBERED = 1_000;
const REMEMBERED_FOR_MS = 60_000;

interface Record {
  readonly endpoints: Set<string>;
  readonly since: number;
}

/**
 * Tells requests that fail wherever they go from endpoints that fail whatever they are sent (reference: peers 3.10, one
 * poisoned request opened every breaker). Within one call two endpoints are enough. A request that comes again is judged
 * by its digest, and only against an endpoint that has served others meanwhile: when nothing is served at all, callers who
 * repeat themselves must not hide an outage.
 */
export class Suspects {
  readonly #clock: Clock;
  readonly #records: LRUCache<string, Record>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#records = new LRUCache({ max: REMEMBERED, ttl: REMEMBERED_FOR_MS, perf: { now: () => clock.now() } });
  }

  /**
   * Notes a failure, and says whether it counts against the endpoint.
   *
   * @param failedOn endpoints on which this call failed before
   */
  countsAgainst(endpoint: Endpoint, digest: string, failedOn: readonly Endpoint[]): boolean {
    const record = this.#records.get(digest) ?? { endpoints: new Set<string>(), since: this.#clock.now() };
    const suspected = record.endpoints.size >= ENDPOINTS_TO_SUSPECT && endpoint.deliveredAt > record.since;
    if (record.endpoints.size < ENDPOINTS_TO_SUSPECT) {
      record.endpoints.add(`${endpoint.account.name} ${endpoint.region.name}`);
      this.#records.set(digest, record);
    }
    return !suspected && failedOn.length < ENDPOINTS_TO_SUSPECT;
  }

  /** The request was served after all. */
  clear(digest: string): void {
    this.#records.delete(digest);
  }

  get empty(): boolean {
    return this.#records.size === 0;
  }
}
