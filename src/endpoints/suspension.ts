import type { RelayError } from '../completion/errors.ts';
import type { Alarm, Ring } from './alarm.ts';
import type { Clock } from './clock.ts';

export interface SuspensionOptions {
  readonly clock: Clock;
  readonly alarm: Alarm;
  /** How long the first suspension lasts; doubles with each that follows without a success between. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** Called whenever `admits` or `suspended` may have changed. */
  readonly changed: () => void;
}

/** Why something is out of service: in the reason and the words of the refusal that took it out. */
export type SuspensionCause = Pick<RelayError, 'reason' | 'message'>;

/**
 * Takes something that only an operator can mend (a key, an organization's payment) out of service and tries it again
 * with one call at a time, after waits that grow: a key that was renewed comes back by itself, and one that was not costs
 * hardly anything. A new suspension never shortens the one that runs.
 */
export class Suspension {
  readonly #options: SuspensionOptions;
  #until = 0;
  #level = 0;
  #trial = false;
  #ring: Ring | undefined;
  #cause: SuspensionCause | undefined;

  constructor(options: SuspensionOptions) {
    this.#options = options;
  }

  /** Out of service, and its next trial not due yet. */
  get suspended(): boolean {
    return this.#ring !== undefined;
  }

  /** Why it is out of service; undefined unless `suspended`. */
  get cause(): SuspensionCause | undefined {
    return this.suspended ? this.#cause : undefined;
  }

  /** Whether another call may be sent. */
  get admits(): boolean {
    return this.#level === 0 || (!this.suspended && !this.#trial);
  }

  /** Not known to be in service again: the next call is a trial. */
  get onTrial(): boolean {
    return this.#level > 0;
  }

  /** Milliseconds until the next trial; 0 while in service or when it is due. */
  get remaining(): number {
    return this.suspended ? Math.max(0, this.#until - this.#options.clock.now()) : 0;
  }

  /** A call is sent; true if it is the trial, whose end must be told by one of the three below. */
  begin(): boolean {
    if (this.#level === 0) return false;
    this.#trial = true;
    this.#options.changed();
    return true;
  }

  succeeded(): void {
    if (this.#level === 0) return;
    this.#level = 0;
    this.#until = 0;
    this.#trial = false;
    this.#silence();
    this.#options.changed();
  }

  /**
   * @param refusal whose `retryAfter` says when it ends, if the upstream did
   * @returns milliseconds until the next trial
   */
  suspend({ reason, message, retryAfter = 0 }: RelayError): number {
    const { clock, alarm, firstMs, longestMs, changed } = this.#options;
    // Failures of calls that were under way together are one failure.
    if (!this.suspended) this.#level++;
    const grown = Math.min(firstMs * 2 ** (this.#level - 1), longestMs);
    const until = clock.now() + Math.max(grown, retryAfter);
    if (until >= this.#until) {
      this.#until = until;
      this.#cause = { reason, message };
    }
    this.#trial = false;
    this.#silence();
    this.#ring = alarm.at(this.#until, () => {
      this.#ring = undefined;
      changed();
    });
    changed();
    return this.remaining;
  }

  /** The trial ended without saying anything of what is suspended: another may be made. */
  undecided(): void {
    this.#trial = false;
    this.#options.changed();
  }

  close(): void {
    this.#silence();
  }

  #silence(): void {
    if (this.#ring !== undefined) this.#options.alarm.cancel(this.#ring);
    this.#ring = undefined;
  }
}
