/** An input that something made of what it must not make of any. The seed and the number repeat the whole run up to it. */
export class Finding extends Error {
  override readonly name = 'Finding';

  constructor(target: string, seed: string, iteration: number, input: string, cause: unknown) {
    super(`${target} failed on input ${iteration} of seed ${seed}: ${input}`, { cause });
  }
}

/** Throws where something must hold and does not. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
