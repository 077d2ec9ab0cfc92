/**
 * Keys whose values only the organization that made them can read again (reference 8.2: thinking signatures, redacted
 * thinking, encrypted results). `data` counts only in blocks of redacted thinking; elsewhere it is an image.
 */
const SEALED_KEYS = ['"signature"', '"encrypted_content"', '"encrypted_index"', '"encrypted_stdout"'] as const;
const REDACTED = '"redacted_thinking"';
const DATA = '"data"';

/** Signatures begin alike and differ later, so it is their end that names them. */
const TAIL = 48;

/**
 * The first sealed value in a request's JSON text, as a short name for it; undefined where the history has none. In JSON a
 * quote inside a string is escaped, so that a key written with its quotes is never found in somebody's prose.
 */
export function firstSeal(json: string): string | undefined {
  let first: Found | undefined;
  for (const key of SEALED_KEYS) first = earlier(first, findValue(json, key, 0));
  const redacted = json.indexOf(REDACTED);
  if (redacted >= 0) first = earlier(first, findValue(json, DATA, redacted) ?? { at: redacted, value: '' });
  return first?.value;
}

/** All sealed values in the JSON text of an answer or of one event of it. */
export function* seals(json: string): Generator<string> {
  const keys = json.includes(REDACTED) ? [...SEALED_KEYS, DATA] : SEALED_KEYS;
  for (const key of keys) {
    for (let found = findValue(json, key, 0); found !== undefined; found = findValue(json, key, found.at + 1)) {
      yield found.value;
    }
  }
}

interface Found {
  readonly at: number;
  readonly value: string;
}

function earlier(a: Found | undefined, b: Found | undefined): Found | undefined {
  return a === undefined || (b !== undefined && b.at < a.at) ? b : a;
}

/** The next non-empty string that stands under the key, from `from` on. */
function findValue(json: string, key: string, from: number): Found | undefined {
  for (let at = json.indexOf(key, from); at >= 0; at = json.indexOf(key, at + 1)) {
    const colon = skipSpace(json, at + key.length);
    const quote = skipSpace(json, colon + 1);
    if (json[colon] !== ':' || json[quote] !== '"') continue;
    // Sealed values are base64 and the like: no quote in them is ever escaped.
    const end = json.indexOf('"', quote + 1);
    if (end > quote + 1) return { at, value: json.slice(Math.max(quote + 1, end - TAIL), end) };
  }
  return undefined;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return at;
}
