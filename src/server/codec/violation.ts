import type { FieldViolation } from '../../completion/errors.ts';

/** A request that breaks more rules than these is read no further: its caller has enough to mend. */
export const MAX_VIOLATIONS = 20;

/**
 * A message that cannot be translated, with everything that is known to be wrong in it. It passes upwards through the
 * messages around it: each puts its own step before the paths, and adds what is wrong beside.
 */
export class RequestViolation extends Error {
  override readonly name = 'RequestViolation';
  /** The paths begin where it has got to, in the end at the root; empty for the message itself. */
  violations: readonly FieldViolation[];
  /** Whether nothing more of the request is worth reading. */
  isFinal: boolean;

  constructor(description: string, { isFinal = false } = {}) {
    super(description);
    this.violations = [{ field: '', description }];
    this.isFinal = isFinal;
  }

  /** Puts a step before the paths: a field's name, or `[0]` for an item of a list. */
  under(step: string): this {
    this.violations = this.violations.map(({ field, description }) => ({
      field: field === '' || field.startsWith('[') ? step + field : `${step}.${field}`,
      description,
    }));
    return this;
  }

  /** Whether something is wrong in the field of this name, or inside it. */
  isIn(name: string): boolean {
    return this.violations.some(({ field }) => field.startsWith(name) && /^(?:$|[.[])/.test(field.slice(name.length)));
  }

  add({ violations, isFinal }: RequestViolation): void {
    this.violations = [...this.violations, ...violations];
    this.isFinal ||= isFinal || this.violations.length > MAX_VIOLATIONS;
  }
}

/** What to throw on where something was thrown inside the field or item `step`. */
export function violationIn(step: string, thrown: unknown): unknown {
  return thrown instanceof RequestViolation ? thrown.under(step) : thrown;
}

/**
 * What is wrong with a message so far, and what was thrown beside that, so that reading can go on; throws where it
 * should not.
 */
export function withThrown(found: RequestViolation | undefined, thrown: unknown): RequestViolation {
  if (!(thrown instanceof RequestViolation)) throw thrown;
  const all = found ?? thrown;
  if (found !== undefined) found.add(thrown);
  if (all.isFinal) throw all;
  return all;
}

/** A double as JSON text; NaN and the infinities are not JSON. Throws RequestViolation. */
export function finiteText(value: number): string {
  if (!Number.isFinite(value)) throw new RequestViolation(`is ${value}, which JSON cannot hold; send a finite number`);
  return Object.is(value, -0) ? '-0' : String(value);
}
