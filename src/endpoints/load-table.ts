/** How fast newer answers outweigh older ones where there are few: Finagle's default for PeakEwma. */
const DECAY_MS = 10_000;
/** Least share of the newest in the average: of a slower one, and of a faster one. */
const RISE = 1 / 3;
const FALL = 1 / 16;
/**
 * How fast an estimate fades that nothing renews, until a slow endpoint is asked again to see whether it still is. Each such
 * call is a slow one: with a few endpoints of a slow region tried every ten seconds, every hundredth call was.
 */
const FADE_MS = 60_000;
/** Assumed time to first byte while nothing is known: short, so that a new endpoint is tried soon. */
const UNKNOWN_LATENCY_MS = 1;
/**
 * The same where a probe has failed besides: as long as models take, so that whatever answers faster comes first, and yet such
 * an endpoint is tried once others are busy. A firewall may stop probes and nothing else.
 */
const DOUBTFUL_LATENCY_MS = 1_000;

/** Doubles to a row: one cache line. */
const WIDTH = 8;
const IN_FLIGHT = 0;
const WEIGHT = 1;
const TRIAL_DUE = 2;
const SEED = 3;
/** Value, and when it was observed; apart for whole answers, which take longer by nature and must not be mixed with streams. */
const STREAM = 4;
const WHOLE = 6;

/**
 * What choosing reads of every endpoint, side by side in one array. With thousands of endpoints the two that are compared
 * lie anywhere in memory, and fetching their objects would cost more than all the rest of a choice.
 */
export class LoadTable {
  #rows = new Float64Array(WIDTH * 16);
  #used = 0;
  readonly #free: number[] = [];

  /** A row for another endpoint. */
  take(): number {
    const row = this.#free.pop() ?? WIDTH * this.#used++;
    if (row === this.#rows.length) {
      const grown = new Float64Array(this.#rows.length * 2);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    this.#rows.fill(0, row, row + WIDTH);
    this.#rows[row + SEED] = UNKNOWN_LATENCY_MS;
    this.#rows[row + WEIGHT] = 1;
    return row;
  }

  release(row: number): void {
    this.#free.push(row);
  }

  inFlight(row: number): number {
    return this.#rows[row + IN_FLIGHT] ?? 0;
  }

  addInFlight(row: number, change: number): void {
    this.#rows[row + IN_FLIGHT] = this.inFlight(row) + change;
  }

  weight(row: number): number {
    return this.#rows[row + WEIGHT] ?? 1;
  }

  setWeight(row: number, weight: number): void {
    this.#rows[row + WEIGHT] = weight;
  }

  /** Whether the next call would be a trial. */
  trialDue(row: number): boolean {
    return this.#rows[row + TRIAL_DUE] === 1;
  }

  setTrialDue(row: number, due: boolean): void {
    this.#rows[row + TRIAL_DUE] = due ? 1 : 0;
  }

  /** Takes a probe's round-trip time: the floor of the latency estimates. */
  seed(row: number, milliseconds: number): void {
    this.#rows[row + SEED] = milliseconds;
  }

  /** A probe has failed: speaks against an endpoint of which nothing is known yet. */
  doubt(row: number): void {
    if (
      this.#rows[row + SEED] === UNKNOWN_LATENCY_MS &&
      this.#rows[row + STREAM] === 0 &&
      this.#rows[row + WHOLE] === 0
    )
      this.#rows[row + SEED] = DOUBTFUL_LATENCY_MS;
  }

  /**
   * Notes a time to first byte, as a moving average that rises faster than it falls (after Finagle's `PeakEwma.scala`, whose
   * average jumps to each slower one at once: times to first byte differ by so much from prompt to prompt that it would
   * mostly remember the longest one). It fades while nothing is observed, so that a slow endpoint is asked again some time.
   */
  observe(row: number, stream: boolean, milliseconds: number, now: number): void {
    const at = row + (stream ? STREAM : WHOLE);
    if (this.#rows[row + SEED] === DOUBTFUL_LATENCY_MS) this.#rows[row + SEED] = UNKNOWN_LATENCY_MS;
    const before = this.#rows[at] ?? 0;
    const aged = 1 - Math.exp(-Math.max(0, now - (this.#rows[at + 1] ?? 0)) / DECAY_MS);
    const isFirst = before === 0;
    const gain = isFirst ? 1 : Math.max(aged, milliseconds > this.latency(row, stream, now) ? RISE : FALL);
    this.#rows[at] = before + gain * (milliseconds - before);
    this.#rows[at + 1] = now;
  }

  /** Estimated time to first byte in milliseconds; positive. */
  latency(row: number, stream: boolean, now: number): number {
    const at = row + (stream ? STREAM : WHOLE);
    const seed = this.#rows[row + SEED] ?? UNKNOWN_LATENCY_MS;
    const value = this.#rows[at] ?? 0;
    return value === 0
      ? seed
      : Math.max(seed, value * Math.exp(-Math.max(0, now - (this.#rows[at + 1] ?? 0)) / FADE_MS));
  }

  /** The same, of answers that came; undefined before the first one. */
  measured(row: number, stream: boolean, now: number): number | undefined {
    return this.#rows[row + (stream ? STREAM : WHOLE)] === 0 ? undefined : this.latency(row, stream, now);
  }

  /**
   * What sending one more call there costs: latency times queue length, by weight. A trial that is due is cheapest of all:
   * it costs one call and wins back an endpoint.
   */
  cost(row: number, stream: boolean, now: number): number {
    if (this.trialDue(row)) return 0;
    return (this.latency(row, stream, now) * (this.inFlight(row) + 1)) / this.weight(row);
  }
}
