/** References to environment variables, `${NAME}` and `${NAME:-default}`, in the text values of a configuration. */

import { type Draft, isMapping } from './draft.ts';
import type { Path } from './problem.ts';

/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$?\$\{[^}\n]*\}/g;
const HIDING_PLACE = 0xe000;
const HIDDEN = /[\ue000-\ue07f]/g;

/**
 * Hides references from the YAML parser, to which the braces of `{ secret: ${SECRET} }` would be a mapping. Each
 * character is moved into Unicode's private use area, so that every position in the text stays what it was, and
 * variables are filled in after parsing, so that no value of theirs can change the structure.
 */
export function hideReferences(text: string): string {
  return text.replace(REFERENCE, (reference) =>
    reference.replace(/\p{ASCII}/gu, (character) => shift(character, HIDING_PLACE)),
  );
}

/** Brings back what `hideReferences` hid. */
export function unhideReferences(text: string): string {
  return text.replace(HIDDEN, (character) => shift(character, -HIDING_PLACE));
}

/** Whether text holds characters that `hideReferences` makes, and so could not be told from its work. */
export function isHidden(text: string): boolean {
  return text.search(HIDDEN) >= 0;
}

function shift(character: string, by: number): string {
  return String.fromCharCode(character.charCodeAt(0) + by);
}

/** Fills in every reference of the draft. Values that came from variables themselves are taken as they are. */
export function fillReferences(draft: Draft, environment: Environment): void {
  draft.root = fill(draft, environment, draft.root, []);
}

function fill(draft: Draft, environment: Environment, value: unknown, path: Path): unknown {
  if (Array.isArray(value)) return value.map((item, index) => fill(draft, environment, item, [...path, index]));
  if (isMapping(value)) {
    for (const [key, inner] of Object.entries(value)) value[key] = fill(draft, environment, inner, [...path, key]);
    return value;
  }
  if (typeof value !== 'string' || !value.includes('${')) return value;
  const place = draft.placeOf(path);
  return place !== undefined && 'variable' in place ? value : fillText(draft, environment, value, path);
}

const PARTS = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

function fillText(draft: Draft, environment: Environment, text: string, path: Path): string {
  return text.replace(PARTS, (part: string, name: string | undefined, fallback: string | undefined) => {
    if (part === '$${') return '${';
    if (name === undefined || fallback?.includes('${')) {
      draft.blame(path, 'has a malformed reference. Write ${NAME} or ${NAME:-default}, and $${ for a plain ${.');
      return part;
    }
    // Own properties only: `${constructor}` names no variable. An empty one counts as unset, as in the shell's ${NAME:-default}.
    const value = (Object.hasOwn(environment, name) && environment[name]) || fallback;
    if (value === undefined)
      draft.blame(path, `needs environment variable ${name}, which is not set. Set it, or write \${${name}:-default}.`);
    return value ?? part;
  });
}
