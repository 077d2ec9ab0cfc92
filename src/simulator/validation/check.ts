/**
 * Small checks that compose into the shape of a request. The API words its complaints as pydantic does
 * (`messages.0.role: Field required`), so these do too; a check that passes allocates nothing.
 */

/** What is wrong, and where: a path such as `messages.0.content`, empty for the value itself. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Says what is wrong with a value, if anything is. */
export type Check = (value: unknown) => Problem | undefined;

/** An object whose fields are not known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object, and not an array or null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A problem of the value itself. */
export function problem(message: string): Problem {
  return { path: '', message };
}

/** The same problem, seen from one level further out. */
export function within(name: string | number, inner: Problem | undefined): Problem | undefined {
  if (inner === undefined) return undefined;
  return { path: inner.path === '' ? String(name) : `${name}.${inner.path}`, message: inner.message };
}

/** The complaint about a field that is missing. */
export const REQUIRED: Problem = problem('Field required');
/** The complaint about a field that nobody knows. */
export const EXTRA: Problem = problem('Extra inputs are not permitted');

const NOT_A_STRING = problem('Input should be a valid string');
const NOT_A_BOOLEAN = problem('Input should be a valid boolean');
const NOT_AN_INTEGER = problem('Input should be a valid integer');
const NOT_A_NUMBER = problem('Input should be a valid number');
const NOT_AN_OBJECT = problem('Input should be an object');
const NOT_A_LIST = problem('Input should be a valid list');

/** Any JSON value. */
export const anything: Check = () => undefined;
/** A string. */
export const string: Check = (value) => (typeof value === 'string' ? undefined : NOT_A_STRING);
/** True or false. */
export const boolean: Check = (value) => (typeof value === 'boolean' ? undefined : NOT_A_BOOLEAN);
/** An object of any fields. */
export const anyObject: Check = (value) => (isObject(value) ? undefined : NOT_AN_OBJECT);

/** A number, whole or not, of the closed range. */
export function number(low: number, high: number): Check {
  return (value) => {
    if (typeof value !== 'number') return NOT_A_NUMBER;
    return value >= low && value <= high ? undefined : problem(`range: ${low}..${high}`);
  };
}

/** A whole number of at least `low`. */
export function integer(low: number): Check {
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return NOT_AN_INTEGER;
    return value >= low ? undefined : problem(`Input should be greater than or equal to ${low}`);
  };
}

function quoteAll(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`);
  const last = quoted.pop() ?? '';
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`;
}

/** One of the strings. */
export function oneOf(...values: readonly string[]): Check {
  const wrong = problem(`Input should be ${quoteAll(values)}`);
  return (value) => (typeof value === 'string' && values.includes(value) ? undefined : wrong);
}

/** A string that matches. */
export function matching(pattern: RegExp): Check {
  const wrong = problem(`String should match pattern '${pattern.source}'`);
  return (value) => string(value) ?? (pattern.test(String(value)) ? undefined : wrong);
}

/** `null`, or what the check lets pass. */
export function nullable(check: Check): Check {
  return (value) => (value === null ? undefined : check(value));
}

/** A list whose every item passes. */
export function list(item: Check, longest = Number.POSITIVE_INFINITY): Check {
  return (value) => {
    if (!Array.isArray(value)) return NOT_A_LIST;
    if (value.length > longest) {
      return problem(`List should have at most ${longest} items after validation, not ${value.length}`);
    }
    for (let index = 0; index < value.length; index++) {
      const found = item(value[index]);
      if (found !== undefined) return within(index, found);
    }
    return undefined;
  };
}

/** A string, or what the check lets pass. */
export function stringOr(check: Check): Check {
  return (value) => (typeof value === 'string' ? undefined : check(value));
}

/** The checks of an object's fields, by name. */
export type Fields = Readonly<Record<string, Check>>;

/** An object with these fields and no others; the optional ones may be absent. */
export function object(required: Fields, optional: Fields = {}): Check {
  const known = new Map([...Object.entries(required), ...Object.entries(optional)]);
  const names = Object.keys(required);
  return (value) => {
    if (!isObject(value)) return NOT_AN_OBJECT;
    for (const name of names) {
      if (value[name] === undefined) return within(name, REQUIRED);
    }
    for (const name in value) {
      const check = known.get(name);
      const found = check === undefined ? EXTRA : check(value[name]);
      if (found !== undefined) return within(name, found);
    }
    return undefined;
  };
}

/** An object of one of several kinds, told apart by its `type`; its kind is part of the path, as in the API's messages. */
export function tagged(kinds: Fields): Check {
  const byKind = new Map(Object.entries(kinds));
  const expected = quoteAll([...byKind.keys()]).replace(' or ', ', ');
  return (value) => {
    if (!isObject(value)) return NOT_AN_OBJECT;
    const kind = value['type'];
    if (kind === undefined) return within('type', REQUIRED);
    if (typeof kind !== 'string') return within('type', NOT_A_STRING);
    const check = byKind.get(kind);
    if (check === undefined) {
      return problem(`Input tag '${kind}' found using 'type' does not match any of the expected tags: ${expected}`);
    }
    return within(kind, check(value));
  };
}
