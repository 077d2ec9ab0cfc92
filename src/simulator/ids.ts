import { pick, type Random } from './random.ts';

const LETTERS: readonly string[] = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'.split('');
const PREFIX_LENGTH = 14;
const COUNTER_LENGTH = 8;

/** Makes ids that are opaque and never repeat: a random start, and a count. */
export class Ids {
  readonly #prefix: string;
  #count = 0;

  constructor(random: Random) {
    this.#prefix = Array.from({ length: PREFIX_LENGTH }, () => pick(random, LETTERS)).join('');
  }

  /** `kind` is the API's prefix, e.g. `req_011`. */
  next(kind: string): string {
    this.#count++;
    return `${kind}${this.#prefix}${this.#count.toString(36).padStart(COUNTER_LENGTH, '0')}`;
  }
}
