import { seededRandom } from '../../src/simulator/random.ts';
import { Finding } from './finding.ts';
import { mutated, oneOf } from './mutate.ts';
import type { Target } from './targets.ts';

/** Inputs by target. */
export type Tried = ReadonlyMap<string, number>;

/**
 * Gives mutated inputs to the targets until told to stop; one in four is mutated further from what came of the last, so
 * that inputs drift away from what is valid.
 *
 * @throws Finding
 */
export function fuzzInProcess(targets: readonly Target[], seed: string, goesOn: (iteration: number) => boolean): Tried {
  const random = seededRandom(seed);
  const wheel = targets.flatMap((target) => Array.from({ length: target.weight }, () => target));
  const drifted = new Map<Target, Buffer>();
  const tried = new Map(targets.map(({ name }): [string, number] => [name, 0]));
  for (let iteration = 0; goesOn(iteration); iteration += 1) {
    const target = oneOf(random, wheel);
    const fresh = oneOf(random, target.corpus);
    const base = random() < 0.25 ? (drifted.get(target) ?? fresh) : fresh;
    const input = mutated(random, base, oneOf(random, target.corpus));
    drifted.set(target, input.length < 4 * fresh.length + 256 ? input : fresh);
    try {
      target.take(input, random);
    } catch (thrown) {
      throw new Finding(target.name, seed, iteration, input.toString('base64'), thrown);
    }
    tried.set(target.name, (tried.get(target.name) ?? 0) + 1);
  }
  return tried;
}
