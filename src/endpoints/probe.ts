import type { RegionOptions } from './account.ts';
import type { Clock } from './clock.ts';
import type { Measure } from './round-trip.ts';

export interface ProbeOptions {
  readonly method: 'icmp' | 'tcp';
  /** Milliseconds between the end of one round and the start of the next. */
  readonly intervalMs: number;
  /** What to measure, asked for anew at each round. */
  readonly regions: () => readonly RegionOptions[];
  /** Takes a result: for latency estimates and metrics. */
  readonly measured: (region: RegionOptions, method: 'icmp' | 'tcp', milliseconds: number) => void;
  /** Hears each time that a region cannot be measured. */
  readonly unmeasured: (region: RegionOptions) => void;
  /** Hears, once for each trouble, what cannot be measured. */
  readonly log: (message: string) => void;
  readonly icmp: Measure;
  readonly tcp: Measure;
  readonly clock: Clock;
}

/**
 * Measures how far each region is, round after round: by ICMP where this machine can and the host answers, else by TCP
 * connect. A probe that fails takes nothing out of service: health is what real traffic says. Never spends a token.
 *
 * @returns stops it
 */
export function startProbes(options: ProbeOptions): () => void {
  const probe = new Probe(options);
  probe.start();
  return () => probe.stop();
}

class Probe {
  readonly #options: ProbeOptions;
  /** Hosts that do not answer to ping. */
  readonly #deaf = new Set<string>();
  readonly #troubled = new Set<string>();
  #canPing: boolean;
  #stopped = false;
  #cancel: () => void = () => {};

  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#canPing = options.method === 'icmp';
  }

  start(): void {
    void this.#round();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #round(): Promise<void> {
    await Promise.all(this.#options.regions().map((region) => this.#measure(region)));
    if (!this.#stopped) this.#cancel = this.#options.clock.after(this.#options.intervalMs, () => void this.#round());
  }

  async #measure(region: RegionOptions): Promise<void> {
    const { measured, unmeasured, log, icmp, tcp } = this.#options;
    const url = new URL(region.baseUrl);
    if (this.#canPing && !this.#deaf.has(url.host)) {
      const result = await icmp(url);
      if (this.#stopped) return;
      if (result.kind === 'measured') {
        measured(region, 'icmp', result.milliseconds);
        return;
      }
      if (result.kind === 'silent') this.#deafTo(url.host);
      else this.#givePingUp(result.why);
    }
    const result = await tcp(url);
    if (this.#stopped) return;
    if (result.kind === 'measured') {
      this.#troubled.delete(url.host);
      measured(region, 'tcp', result.milliseconds);
      return;
    }
    unmeasured(region);
    if (!this.#troubled.has(url.host)) {
      this.#troubled.add(url.host);
      log(`The distance of region ${region.name} cannot be measured: ${result.why}.`);
    }
  }

  #deafTo(host: string): void {
    this.#deaf.add(host);
    this.#options.log(`${host} does not answer to ping: its distance is measured by TCP connect.`);
  }

  #givePingUp(why: string): void {
    // Several regions find out together; it is said once.
    if (this.#canPing) this.#options.log(`Ping cannot be used (${why}): distances are measured by TCP connect.`);
    this.#canPing = false;
  }
}
