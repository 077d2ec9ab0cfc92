import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import type { RelayError } from '../completion/errors.ts';
import type { Clock } from './clock.ts';

export interface BreakerOptions {
  /** Share of failures within the window that opens the breaker. */
  readonly errorThresholdPercent: number;
  /** Verdicts within the window before the share counts. */
  readonly minimumRequests: number;
  readonly windowMs: number;
  /** How long it stays open before the first trial; doubles, with jitter, while trials keep failing. */
  readonly openForMs: number;
}

export type BreakerState = 'closed' | 'half-open' | 'open';

const BUCKETS = 10;
const MOST_DOUBLINGS = 6;

/**
 * An opossum breaker that is told verdicts instead of wrapping the call. That is how the traps of opossum 10 are kept off:
 *
 * - an error that its `errorFilter` lets off counts as a success and closes a half-open circuit: here what says nothing
 *   about the endpoint is never told to it;
 * - a trial that streams blocks all others until it ends: here the opening of the stream is the verdict, and a stream that
 *   breaks later is reported on its own;
 * - `capacity` refusals count as failures, `timeout` leaves the call running, one AbortController serves all calls: none
 *   is used, since pacing and the call's own deadline and signal do that work;
 * - it keeps the options object it is given and writes into it: it gets one of its own, and reads the open time from there;
 * - each breaker ticks with two intervals: here the window is turned by the handed-in clock when a verdict comes;
 * - failures from before it opened still fill the window when it closes: the window is cleared then.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #options: BreakerOptions;
  readonly #changed: (state: BreakerState) => void;
  readonly #window = new EventEmitter();
  readonly #settings: CircuitBreaker.Options<[RelayError | undefined]>;
  readonly #circuit: CircuitBreaker<[RelayError | undefined], void>;
  #turnedAt: number;
  #level = 0;
  #openUntil = 0;
  #closedAt = Number.NEGATIVE_INFINITY;
  #trial = 0;
  #trials = 0;
  /** Kept here because every choice reads it, and opossum's own objects are large and scattered. */
  #state: BreakerState = 'closed';

  /** @param changed called after each change of state, and when a trial ended without a verdict */
  constructor(options: BreakerOptions, clock: Clock, changed: (state: BreakerState) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#changed = changed;
    this.#turnedAt = clock.now();
    this.#settings = {
      timeout: false,
      // Opossum opens above the threshold; a share that is reached counts here, so that 100% can open.
      errorThresholdPercentage: options.errorThresholdPercent - 1e-6,
      volumeThreshold: options.minimumRequests,
      rollingCountTimeout: options.windowMs,
      rollingCountBuckets: BUCKETS,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: this.#window,
      resetTimeout: options.openForMs,
    };
    // Throws rather than rejects, so that opossum has changed its state by the time `fire` returns.
    this.#circuit = new CircuitBreaker((failure) => {
      if (failure !== undefined) throw failure;
      return Promise.resolve();
    }, this.#settings);
    // Before opossum's own listener, which starts the timer with the reset time that stands then.
    this.#circuit.prependListener('open', () => this.#setOpenTime());
    this.#circuit.on('open', () => this.#enter('open'));
    this.#circuit.on('halfOpen', () => this.#enter('half-open'));
    this.#circuit.on('close', () => {
      this.#closedAt = this.#clock.now();
      this.#clearWindow();
      this.#enter('closed');
    });
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether a call may be sent: closed, or half-open and no trial under way. */
  get admits(): boolean {
    return this.#state === 'closed' || (this.#state === 'half-open' && this.#trial === 0);
  }

  /** Milliseconds until the next trial; 0 unless open. */
  get openFor(): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntil - this.#clock.now()) : 0;
  }

  /** A call is sent. The number is 0 for ordinary calls, and names the trial that must be told a verdict otherwise. */
  begin(): number {
    if (this.#state === 'closed') return 0;
    this.#trial = ++this.#trials;
    return this.#trial;
  }

  /** The answer has opened. */
  succeeded(trial: number): void {
    if (this.#state === 'closed') this.#countSuccess();
    else if (this.#decides(trial)) this.#tell(undefined);
  }

  /** No answer, or a broken one before anything came of it. */
  failed(trial: number, failure: RelayError): void {
    if (this.#decides(trial)) this.#tell(failure);
  }

  /** The call ended in a way that says nothing about the endpoint: the next call may be the trial. */
  undecided(trial: number): void {
    if (trial === 0 || trial !== this.#trial) return;
    this.#trial = 0;
    this.#changed(this.#state);
  }

  /**
   * An answer broke after it had opened. Within the window its opening was counted as a success, which is taken back: told
   * as one more failure, an endpoint whose every stream breaks would only ever show half of its calls as failed.
   */
  broke(openedAt: number, failure: RelayError): void {
    if (this.#state !== 'closed') return;
    if (this.#clock.now() - openedAt >= this.#options.windowMs) {
      this.#tell(failure);
      return;
    }
    this.#turn();
    this.#circuit.emit('failure', failure, 0, [failure]);
    const { fires, failures } = this.#circuit.stats;
    if (fires >= this.#options.minimumRequests && failures * 100 >= fires * this.#options.errorThresholdPercent) {
      this.#circuit.open();
    }
  }

  close(): void {
    this.#circuit.shutdown();
  }

  /** Only the trial decides a circuit that is not closed; calls sent before it opened come too late. */
  #decides(trial: number): boolean {
    return this.#state === 'closed' || (this.#state === 'half-open' && trial !== 0 && trial === this.#trial);
  }

  #tell(failure: RelayError | undefined): void {
    this.#turn();
    // The rejection is the failure that was told; whoever told it throws it on.
    this.#circuit.fire(failure).catch(() => {});
  }

  /** All that a success does to a closed circuit, without the promises that `fire` makes: every call ends here. */
  #countSuccess(): void {
    this.#turn();
    this.#circuit.emit('fire', []);
    this.#circuit.emit('success', undefined, 0);
  }

  /** Turns the window by the time that has passed. */
  #turn(): void {
    const sliceMs = this.#options.windowMs / BUCKETS;
    const slices = Math.floor((this.#clock.now() - this.#turnedAt) / sliceMs);
    this.#turnedAt += slices * sliceMs;
    for (let slice = 0; slice < Math.min(slices, BUCKETS); slice++) this.#window.emit('rotate');
  }

  #clearWindow(): void {
    for (let slice = 0; slice < BUCKETS; slice++) this.#window.emit('rotate');
  }

  #setOpenTime(): void {
    const lasted = this.#clock.now() - this.#closedAt;
    const previous = this.#openUntil === 0 ? 0 : this.#options.openForMs * 2 ** this.#level;
    // Opening again soon after a trial had closed it is the same trouble going on.
    const again = this.#trial !== 0 || lasted < previous;
    this.#level = again ? Math.min(this.#level + 1, MOST_DOUBLINGS) : 0;
    const openFor = this.#options.openForMs * 2 ** this.#level * (1 + this.#clock.random() / 4);
    this.#settings.resetTimeout = openFor;
    this.#openUntil = this.#clock.now() + openFor;
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#trial = 0;
    this.#changed(state);
  }
}
