/**
 * Keys whose values only the organization that made them can read again (reference 8.2: thinking signatures, redacted
 * thinking, encrypted results). `data` counts only in blocks of redacted thinking; elsewhere it is an image.
 */
const SEALED_KEYS = ['"signature"', '"encrypted_content"', '"encrypted_index"', '"encrypted_stdout"'] as const;
const REDACTED = '"redacted_thinking"';
const DATA = '"data"';
/** Any of these: a history is long, and one pass over it takes a third of the time of one for each. */
const ANY = /"(?:signature|encrypted_content|encrypted_index|encrypted_stdout|redacted_thinking)"/g;

/** Signatures begin alike and differ later, so it is their end that names them. */
const TAIL = 48;

/**
 * The first sealed value in a request's JSON text, as a short name for it; undefined where the history has none, empty where
 * it has no name. In JSON a quote inside a string is escaped, so that a key written with its quotes is never found in
 * somebody's prose.
 */
export function firstSeal(json: string): string | undefined {
  ANY.lastIndex = 0;
  for (let found = ANY.exec(json); found !== null; found = ANY.exec(json)) {
    if (found[0] === REDACTED) return findValue(json, DATA, found.index)?.value ?? '';
    const value = valueAfter(json, ANY.lastIndex);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** All sealed values in the JSON text of an answer or of one event of it. */
export function* seals(json: string): Generator<string> {
  if (json.search(ANY) < 0) return;
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

/** The next non-empty string that stands under the key, from `from` on. */
function findValue(json: string, key: string, from: number): Found | undefined {
  for (let at = json.indexOf(key, from); at >= 0; at = json.indexOf(key, at + 1)) {
    const value = valueAfter(json, at + key.length);
    if (value !== undefined) return { at, value };
  }
  return undefined;
}

/** The end of the string that a key has whose literal ends at `keyEnd`; undefined where it is empty or none. */
function valueAfter(json: string, keyEnd: number): string | undefined {
  const colon = skipSpace(json, keyEnd);
  const quote = skipSpace(json, colon + 1);
  if (json[colon] !== ':' || json[quote] !== '"') return undefined;
  // Sealed values are base64 and the like: no quote in them is ever escaped.
  const end = json.indexOf('"', quote + 1);
  return end > quote + 1 ? json.slice(Math.max(quote + 1, end - TAIL), end) : undefined;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return at;
}
