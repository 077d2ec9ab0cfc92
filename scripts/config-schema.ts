/**
 * Writes what is generated from the settings' schema: `config.schema.json` for editors and the tables of
 * `docs/configuration.md`. Run `npm run generate` after every change of a setting.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { settings } from '../src/config/settings.ts';

/** The few parts of JSON Schema that the settings use. */
interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  pattern?: string;
  enum?: readonly unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  allOf?: Schema[];
  $ref?: string;
}

const REFERENCE: Schema = { $ref: '#/$defs/reference' };

/** What `config.schema.json` holds. */
export function jsonSchema(): object {
  const { $schema, ...body } = z.toJSONSchema(settings, { io: 'input' });
  return {
    $schema,
    title: 'Configuration of claude-relay',
    ...adapt(body as Schema),
    $defs: { reference: { description: 'A variable fills this in.', type: 'string', pattern: '\\$\\{' } },
  };
}

/** Turns the schema of values, which zod knows, into that of the file, in which variables and files stand for values. */
function adapt(schema: Schema): Schema {
  const adapted: Schema = withoutSafeBounds(schema);
  if (isEmptyObject(adapted.default)) delete adapted.default;
  if (adapted.items !== undefined) adapted.items = adapt(adapted.items);
  if (adapted.properties !== undefined) return adaptObject(adapted, adapted.properties);
  if (adapted.anyOf?.some((option) => option.properties !== undefined))
    return { ...adapted, anyOf: adapted.anyOf.map(adapt) };
  return adapted.type === 'array' ? adapted : allowReference(adapted);
}

/** Zod bounds every integer by what a JavaScript number can hold, which says nothing about the setting. */
function withoutSafeBounds(schema: Schema): Schema {
  const bare: Schema = { ...schema };
  if (bare.minimum === Number.MIN_SAFE_INTEGER) delete bare.minimum;
  if (bare.maximum === Number.MAX_SAFE_INTEGER) delete bare.maximum;
  if (bare.anyOf !== undefined) bare.anyOf = bare.anyOf.map(withoutSafeBounds);
  return bare;
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function adaptObject(schema: Schema, properties: Record<string, Schema>): Schema {
  const adapted: Schema = { ...schema, properties: {} };
  for (const [key, value] of Object.entries(properties))
    adapted.properties = { ...adapted.properties, [key]: adapt(value) };
  const required = schema.required?.filter((key) => !(`${key}_file` in properties)) ?? [];
  const either = schema.required?.filter((key) => `${key}_file` in properties) ?? [];
  delete adapted.required;
  if (required.length > 0) adapted.required = required;
  if (either.length > 0)
    adapted.allOf = either.map((key) => ({ anyOf: [{ required: [key] }, { required: [`${key}_file`] }] }));
  return adapted;
}

function allowReference(leaf: Schema): Schema {
  if (leaf.type === 'string' && leaf.pattern === undefined && leaf.enum === undefined) return leaf;
  const { description, default: fallback, ...form } = leaf;
  const outer: Schema = {};
  if (description !== undefined) outer.description = description;
  if (fallback !== undefined) outer.default = fallback;
  return { ...outer, anyOf: [...(form.anyOf ?? [form]), REFERENCE] };
}

/** The tables of `docs/configuration.md`, one for each section. */
export function renderTables(): string {
  const root = z.toJSONSchema(settings, { io: 'input' }) as Schema;
  return Object.entries(root.properties ?? {})
    .map(([section, schema]) => renderSection(section, schema))
    .join('\n\n');
}

function renderSection(section: string, schema: Schema): string {
  const rows = rowsOf(section, schema).map((cells) => `| ${cells.join(' | ')} |`);
  return [
    `### ${section}`,
    '',
    schema.description,
    '',
    '| setting | default | what it does |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}

function rowsOf(path: string, schema: Schema): string[][] {
  const object = objectOf(schema);
  if (object?.properties === undefined) return [];
  const inList = schema.type === 'array' ? `${path}[]` : path;
  const required = new Set(object.required);
  return Object.entries(object.properties).flatMap(([key, value]) => {
    const name = `${inList}.${key}`;
    const either = `${key}_file` in (object.properties ?? {}) ? `required, or \`${key}_file\`` : 'required';
    const fallback = required.has(key) ? either : showDefault(value);
    return [[`\`${name}\``, fallback, (value.description ?? '').replaceAll('|', '\\|')], ...rowsOf(name, value)];
  });
}

/** The object that a setting is, is a list of, or may be one of. */
function objectOf(schema: Schema): Schema | undefined {
  if (schema.type === 'array') return schema.items && objectOf(schema.items);
  return schema.properties === undefined ? schema.anyOf?.find((option) => option.properties !== undefined) : schema;
}

function showDefault({ default: value }: Schema): string {
  if (value === undefined || isEmptyObject(value) || (Array.isArray(value) && value.length === 0)) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

const BEGIN = '<!-- generated by scripts/config-schema.ts: begin -->';
const END = '<!-- generated by scripts/config-schema.ts: end -->';

/** Puts the tables between the marks of a Markdown text. */
export function insertTables(markdown: string): string {
  const begin = markdown.indexOf(BEGIN);
  const end = markdown.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`The text lacks the marks ${BEGIN} and ${END}`);
  return `${markdown.slice(0, begin + BEGIN.length)}\n\n${renderTables()}\n\n${markdown.slice(end)}`;
}

/** Formats as `npm run format:check` wants it. */
function format(file: string, text: string): string {
  return execFileSync('biome', ['format', `--stdin-file-path=${file}`], { input: text, encoding: 'utf8' });
}

if (import.meta.main) {
  const docs = new URL('../docs/configuration.md', import.meta.url);
  const schema = format('config.schema.json', JSON.stringify(jsonSchema()));
  writeFileSync(new URL('../config.schema.json', import.meta.url), schema);
  writeFileSync(docs, insertTables(readFileSync(docs, 'utf8')));
}
