import type { FieldViolation } from '../../completion/errors.ts';
import type { MessagePlan } from './plan.ts';

/** Violations in the order of the proto file, and of the items of its lists, whatever order they were found in. */
export function inDocumentOrder(plan: MessagePlan, violations: readonly FieldViolation[]): FieldViolation[] {
  return violations.toSorted((a, b) => compare(placeOf(plan, a.field), placeOf(plan, b.field)));
}

/** Where a path leads: for each step the index of the field in its message, or of the item in its list. */
function placeOf(plan: MessagePlan, path: string): number[] {
  let message: MessagePlan | undefined = plan;
  return (path.match(/\w+/g) ?? []).map((step) => {
    if (/^\d/.test(step)) return Number(step);
    const field = message?.byName.get(step);
    message = field?.message;
    return field?.index ?? 0;
  });
}

/** What is wrong with a whole comes before what is wrong in its parts. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((step, index) => step !== b[index]);
  return at < 0 ? a.length - b.length : (a[at] ?? -1) - (b[at] ?? -1);
}
