const MASK = '***';

/**
 * A value that must not be shown: a key, a token, a signing secret. Every way in which a value gets into a log by
 * accident (template, `JSON.stringify`, `util.inspect`, a spread, a structured clone) gives the mask or nothing.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one place that sends or compares it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  /** The registered symbol is that of `util.inspect.custom`, so that the domain needs no import from Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return MASK;
  }
}
