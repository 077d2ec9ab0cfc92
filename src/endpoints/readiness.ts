import type { Endpoint } from './endpoint.ts';

/** Which regions have an endpoint that may serve, counted as endpoints change. */
export class Readiness {
  readonly #alive = new Map<Endpoint, boolean>();
  readonly #byRegion = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #total = 0;

  get canServe(): boolean {
    return this.#total > 0;
  }

  regionCanServe(region: string): boolean {
    return (this.#byRegion.get(region) ?? 0) > 0;
  }

  /** Calls whenever one of the answers above has changed; the returned function ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Notes how an endpoint stands now. */
  note(endpoint: Endpoint): void {
    this.#set(endpoint, endpoint.alive);
  }

  /** The endpoint left the pool. */
  drop(endpoint: Endpoint): void {
    this.#set(endpoint, false);
    this.#alive.delete(endpoint);
  }

  #set(endpoint: Endpoint, alive: boolean): void {
    if (alive === (this.#alive.get(endpoint) ?? false)) return;
    this.#alive.set(endpoint, alive);
    const change = alive ? 1 : -1;
    const region = endpoint.region.name;
    const count = (this.#byRegion.get(region) ?? 0) + change;
    this.#byRegion.set(region, count);
    this.#total += change;
    // Only the first to come and the last to go change an answer.
    if (count === (alive ? 1 : 0)) for (const listener of this.#listeners) listener();
  }
}
