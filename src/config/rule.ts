import { z } from 'zod';
import type { Path } from './problem.ts';

/** What a rule found: the setting to blame, or, where the file leaves that one out, the next of the list. */
export interface Finding {
  readonly paths: readonly [Path, ...Path[]];
  readonly message: string;
}

/**
 * A check across several settings, for `schema.check(rule(…))`. Zod leaves its own refinements out as soon as anything
 * beneath has a problem, which would hide problems until the next run; this one runs whenever the settings it `needs`
 * are sound themselves.
 *
 * @param needs Paths below the schema. What the rule reads beyond them it must take as possibly missing.
 */
export function rule<T>(needs: readonly Path[], find: (value: T) => Iterable<Finding>): z.core.$ZodCheck<T> {
  return z.superRefine<T>(
    (value, context) => {
      for (const { paths, message } of find(value)) {
        context.addIssue({ code: 'custom', path: [...paths[0]], message, params: { candidates: paths } });
      }
    },
    {
      when: ({ issues }) =>
        issues.every((issue) => issue.code === 'unrecognized_keys' || !spoils(issue.path ?? [], needs)),
    },
  );
}

/** Whether a problem at `path` leaves a needed setting, or the whole value, unusable. */
function spoils(path: readonly PropertyKey[], needs: readonly Path[]): boolean {
  if (path.length === 0) return true;
  return needs.some((need) => need.every((step, depth) => depth >= path.length || step === path[depth]));
}

/** Finds repeated values in a list whose elements may be unsound: `report` gets the index and that of the first. */
export function* repeats<T>(
  values: readonly T[],
  keyOf: (value: T) => unknown,
  report: (index: number, first: number) => Finding,
): Iterable<Finding> {
  const seen = new Map<unknown, number>();
  for (const [index, value] of values.entries()) {
    const key = typeof value === 'object' && value !== null ? keyOf(value) : undefined;
    if (key === undefined) continue;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else yield report(index, first);
  }
}
