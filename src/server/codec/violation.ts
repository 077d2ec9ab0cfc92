/** A request that cannot be translated: the protobuf path of the field, and what is wrong with it. */
export class RequestViolation extends Error {
  override readonly name = 'RequestViolation';
  /** Path from the root, e.g. `messages[0].content[1].tool_use.input`; empty for the request itself. */
  path = '';

  /** Puts a step before the path: a field's name, or `[0]` for an item of a list. */
  under(step: string): this {
    this.path = this.path === '' || this.path.startsWith('[') ? step + this.path : `${step}.${this.path}`;
    return this;
  }
}

/** What to throw on where something was thrown inside the field or item `step`. */
export function violationIn(step: string, thrown: unknown): unknown {
  return thrown instanceof RequestViolation ? thrown.under(step) : thrown;
}

/** A double as JSON text; NaN and the infinities are not JSON. Throws RequestViolation. */
export function finiteText(value: number): string {
  if (!Number.isFinite(value)) throw new RequestViolation(`is ${value}, which JSON cannot hold; send a finite number`);
  return Object.is(value, -0) ? '-0' : String(value);
}
