/** Makes a value that satisfies a JSON Schema, by a simple reading of it: what models do with `input_schema`. */
import { integerBetween, pick, type Random } from '../random.ts';
import { isObject, type JsonObject } from '../validation/check.ts';
import { proseTokens } from './words.ts';

/** Nesting beyond which only required properties are filled in, so that recursive schemas end. */
const DEEPEST_OPTIONAL = 4;
/** Nesting beyond which a schema that requires itself gets null: no finite value satisfies it. */
const DEEPEST = 24;

const FORMATS: Readonly<Record<string, string>> = {
  date: '2026-11-20',
  time: '10:00:00Z',
  'date-time': '2026-11-20T10:00:00Z',
  duration: 'PT1H',
  email: 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/page',
  uuid: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
};

interface Sampling {
  readonly root: JsonObject;
  readonly random: Random;
  readonly depth: number;
}

/** Follows `#/$defs/name`; anything else (a remote schema) is left open. */
function resolveReference(reference: string, root: JsonObject): JsonObject {
  let target: unknown = root;
  for (const step of reference.split('/').slice(1)) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    target = isObject(target) || Array.isArray(target) ? Reflect.get(target, key) : undefined;
  }
  return reference.startsWith('#') && isObject(target) ? target : {};
}

function objectsOf(list: unknown): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter(isObject) : [];
}

/** `allOf` and one branch of `anyOf` or `oneOf`, laid over the schema itself. */
function flatten(schema: JsonObject, root: JsonObject): JsonObject {
  const branch = objectsOf(schema['anyOf'])[0] ?? objectsOf(schema['oneOf'])[0];
  const parts = [...objectsOf(schema['allOf']), ...(branch ? [branch] : [])];
  if (typeof schema['$ref'] === 'string') parts.push(resolveReference(schema['$ref'], root));
  if (parts.length === 0) return schema;
  const { allOf: _all, anyOf: _any, oneOf: _one, $ref: _reference, ...own } = schema;
  let merged: JsonObject = own;
  for (const part of parts) {
    const required = [...stringsOf(merged['required']), ...stringsOf(part['required'])];
    const properties = { ...propertiesOf(merged), ...propertiesOf(part) };
    merged = { ...part, ...merged, ...(required.length > 0 && { required }) };
    if (Object.keys(properties).length > 0) merged = { ...merged, properties };
  }
  return merged;
}

function stringsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function propertiesOf(schema: JsonObject): JsonObject {
  return isObject(schema['properties']) ? schema['properties'] : {};
}

function typeOf(schema: JsonObject): string {
  const type = schema['type'];
  if (typeof type === 'string') return type;
  const named = stringsOf(type).find((name) => name !== 'null');
  if (named !== undefined) return named;
  if (schema['properties'] !== undefined || schema['required'] !== undefined) return 'object';
  return schema['items'] === undefined ? 'string' : 'array';
}

function numberOf(schema: JsonObject, keyword: string): number | undefined {
  const value = schema[keyword];
  return typeof value === 'number' ? value : undefined;
}

const SPREAD = 100;

function sampleNumber(schema: JsonObject, step: number, random: Random): number {
  const unit = numberOf(schema, 'multipleOf') ?? step;
  const exclusiveLow = numberOf(schema, 'exclusiveMinimum');
  const exclusiveHigh = numberOf(schema, 'exclusiveMaximum');
  const low = numberOf(schema, 'minimum') ?? (exclusiveLow === undefined ? undefined : exclusiveLow + unit);
  const high = numberOf(schema, 'maximum') ?? (exclusiveHigh === undefined ? undefined : exclusiveHigh - unit);
  const first = Math.ceil((low ?? Math.min(0, high ?? 0)) / unit);
  const last = Math.max(first, Math.floor((high ?? first * unit + SPREAD * unit) / unit));
  return Number((integerBetween(random, first, Math.min(last, first + SPREAD)) * unit).toPrecision(15));
}

function sampleString(schema: JsonObject, random: Random): string {
  const format = schema['format'];
  const known = typeof format === 'string' ? FORMATS[format] : undefined;
  if (known !== undefined) return known;
  const shortest = numberOf(schema, 'minLength') ?? 0;
  const longest = numberOf(schema, 'maxLength') ?? Number.POSITIVE_INFINITY;
  let text = proseTokens(random, integerBetween(random, 1, 4)).join('');
  while (text.length < shortest) text += proseTokens(random, 4).join('');
  return text.length > longest ? text.slice(0, longest).toWellFormed() : text;
}

function sampleArray(schema: JsonObject, { root, random, depth }: Sampling): readonly unknown[] {
  const prefix = objectsOf(schema['prefixItems']);
  const fewest = Math.max(numberOf(schema, 'minItems') ?? (depth < DEEPEST_OPTIONAL ? 1 : 0), prefix.length);
  const most = Math.max(fewest, Math.min(numberOf(schema, 'maxItems') ?? fewest + 1, fewest + 1));
  const items = isObject(schema['items']) ? schema['items'] : {};
  const length = depth < DEEPEST_OPTIONAL ? integerBetween(random, fewest, most) : fewest;
  return Array.from({ length }, (_, index) => sample(prefix[index] ?? items, { root, random, depth: depth + 1 }));
}

function sampleObject(schema: JsonObject, { root, random, depth }: Sampling): JsonObject {
  const required = new Set(stringsOf(schema['required']));
  const properties = propertiesOf(schema);
  const entries: [string, unknown][] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (!required.has(name) && (depth >= DEEPEST_OPTIONAL || random() < 0.5)) continue;
    entries.push([name, sample(isObject(property) ? property : {}, { root, random, depth: depth + 1 })]);
  }
  for (const name of required) {
    if (!(name in properties)) entries.push([name, sampleString({}, random)]);
  }
  return Object.fromEntries(entries);
}

function sample(asked: JsonObject, sampling: Sampling): unknown {
  if (sampling.depth > DEEPEST) return null;
  let schema = asked;
  // A branch may itself be a reference or a choice.
  for (let turns = 0; turns < DEEPEST; turns++) {
    const flat = flatten(schema, sampling.root);
    if (flat === schema) break;
    schema = flat;
  }
  if (schema['const'] !== undefined) return schema['const'];
  const choices = schema['enum'];
  if (Array.isArray(choices) && choices.length > 0) return pick<unknown>(sampling.random, choices);
  switch (typeOf(schema)) {
    case 'object':
      return sampleObject(schema, sampling);
    case 'array':
      return sampleArray(schema, sampling);
    case 'integer':
      return sampleNumber(schema, 1, sampling.random);
    case 'number':
      return sampleNumber(schema, 0.25, sampling.random);
    case 'boolean':
      return sampling.random() < 0.5;
    case 'null':
      return null;
    default:
      return sampleString(schema, sampling.random);
  }
}

/**
 * A value that satisfies the schema, the same for the same random numbers. Properties come in the order of the schema.
 * Read are types, `enum`, `const`, `required`, local `$ref`, the first branch of `anyOf` and `oneOf`, `allOf`, bounds of
 * numbers, lengths and formats; not `pattern`, `not`, conditionals or `uniqueItems`.
 */
export function sampleSchema(schema: JsonObject, random: Random): unknown {
  return sample(schema, { root: schema, random, depth: 0 });
}
